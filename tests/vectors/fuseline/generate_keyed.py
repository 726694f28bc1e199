#!/usr/bin/env python3
"""Second implementation of schemes 4, 5 and 6 (RSA), REKEY and ROTATE, from docs/protocol.md and not from the C code: it wrote
keyed.json.  Not part of the build.  Needs python3-cryptography.   Use, in this folder: generate_keyed.py > keyed.json"""
import hashlib, json, struct
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from generate import N, bstr, expand, mac, public, seal, stream

SERIAL, FLEET = b"TEST0099", 0x0A0B
FLEET2 = struct.pack(">H", FLEET)


def keyed(i, scheme, boot, ctr, gen, size):
    root, salt = stream(f"S0 {i}", 32), bytes(16) if gen == 0 else stream(f"salt{i}", 16)
    k_gen = root if scheme == 4 else mac(root, bytes.fromhex("00000001"), b"fl1 gen\0", bytes([gen]), salt, bytes.fromhex("00000100"))
    okm = expand(k_gen, b"fl1 boot" + bytes([1, scheme]) + FLEET2 + SERIAL + struct.pack(">I", boot), 58)
    key, iv, dkey, div = okm[:16], okm[16:29], okm[29:45], okm[45:]
    head = b"\x55" + SERIAL[4:] + struct.pack(">I", boot)[1:]
    data, challenge, digest = stream(f"data{i}", size), stream(f"challenge{i}", 32), stream(f"digest{i}", 32)
    rekey = b"\xC0" + SERIAL[4:] + bytes([gen + 1]) + stream(f"next{i}", 16)
    rekey += mac(root, b"fl1 rekey", bytes([boot >> 18, 1]), FLEET2, rekey)[:8]
    h = {"root": root, "salt": salt, "k_gen": k_gen, "data": data, "challenge": challenge, "digest": digest,
         "frame": seal(key, iv, ctr, 8, head + struct.pack(">H", ctr), b"", data),
         "down": seal(dkey, div, 200, 8, b"\x71" + SERIAL[4:] + b"\xC8", b"", data),
         "proof": seal(key, iv, 1, 8, head + b"\0\1", b"fl1 proof" + challenge + digest, b""), "rekey": rekey}
    return {"scheme": scheme, "boot": boot, "counter": ctr, "gen": gen, **{k: v.hex() for k, v in h.items()}}


def rotate(i, v, epoch):
    d = int.from_bytes(stream(f"RA {i}", 32), "big") % N
    ra, y = public(d)
    d = d if y % 2 == 0 else N - d
    x, _ = public(int.from_bytes(stream(f"fleet key {i}", 32), "big") % N)
    number = bytes([epoch]) if epoch < 24 else bytes([0x18, epoch])
    payload = b"\xA2\x01" + number + b"\x02\xA4\x01\x02\x20\x01\x21" + bstr(x) + b"\x22\xF4"
    tbs = b"\x84\x6ASignature1" + bstr(b"\xA1\x01\x28") + bstr(b"fl1 rotate" + bytes([v, 1]) + FLEET2) + bstr(payload)
    r, s = utils.decode_dss_signature(ec.derive_private_key(d, ec.SECP256R1()).sign(tbs, ec.ECDSA(hashes.SHA256())))
    frame = bytes([0x80 | v, epoch]) + x + r.to_bytes(32, "big") + s.to_bytes(32, "big")
    cose = b"\x84" + bstr(b"\xA1\x01\x28") + b"\xA0" + bstr(payload) + bstr(r.to_bytes(32, "big") + min(s, N - s).to_bytes(32, "big"))
    return {"v": v, "epoch": epoch, "ra": ra.hex(), "tbs": tbs.hex(), "frame": frame.hex(), "cose": cose.hex()}


def mgf(seed, n):
    return b"".join(hashlib.sha256(seed + struct.pack(">I", i)).digest() for i in range(n // 32 + 1))[:n]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def rsa(i, boot, size, proof):
    key = json.load(open("../wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json"))["testGroups"][0]["privateKey"]
    n, e = int(key["modulus"], 16), int(key["publicExponent"], 16)
    secret, rng, data = stream(f"S3 {i}", 32), stream(f"rng{i}", 32), stream(f"data{i}", size)
    challenge, digest = stream(f"challenge{i}", 32), stream(f"digest{i}", 32)
    rid, seed = (mac(secret, b"fl1 rid", struct.pack(">I", boot), bytes([k]), rng) for k in (0, 1))
    text = hashlib.sha256(b"fl1 proof" + challenge + digest).digest() if proof else data
    message = b"\x01" + rid + text
    label = hashlib.sha256((b"fl1 proof" if proof else b"fl1 rsa") + FLEET2).digest()
    db = label + bytes(512 - 66 - len(message)) + b"\x01" + message
    db = xor(db, mgf(seed, 479))
    em = b"\0" + xor(seed, mgf(db, 32)) + db
    frame = b"\x30" + pow(int.from_bytes(em, "big"), e, n).to_bytes(512, "big")
    h = {"secret": secret, "rng": rng, "data": data, "challenge": challenge, "digest": digest, "frame": frame,
         "session": expand(rid, b"fl1 ses\x10" + FLEET2, 66), "id_digest": hashlib.sha256(b"fl1 id" + rid).digest()}
    return {"boot": boot, "proof": proof, **{k: v.hex() for k, v in h.items()}}


print(json.dumps({
    "source": "docs/protocol.md, schemes 4, 5, 6 (RSA), REKEY, ROTATE; generate_keyed.py", "serial": SERIAL.hex(), "fleet": FLEET,
    "keyed": [keyed(1, 4, 1, 1, 0, 16), keyed(2, 4, 0xFFFFFF, 65535, 0, 512), keyed(3, 5, 0x40001, 2, 0, 0), keyed(4, 5, 77, 300, 200, 24)],
    "rotate": [rotate(1, 0, 2), rotate(2, 0, 23), rotate(3, 0, 24), rotate(4, 1, 255)],
    "rsa": [rsa(1, 1, 16, False), rsa(2, 0xFFFFFF, 413, False), rsa(3, 300, 0, False), rsa(4, 9, 0, True)]}, indent=1))
