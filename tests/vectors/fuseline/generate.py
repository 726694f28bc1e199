#!/usr/bin/env python3
"""Second implementation of docs/protocol.md's scheme 1, from the text and not from the C code: it wrote sealed.json.
Not part of the build.  Needs python3-cryptography.   Use: generate.py > sealed.json"""
import hashlib, hmac, json, struct, zlib
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FF = b"\xff"


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def public(d):
    n = ec.derive_private_key(d, ec.SECP256R1()).public_key().public_numbers()
    return n.x.to_bytes(32, "big"), n.y


def even(x, y):
    return b"\x04" + x + (y if y % 2 == 0 else P - y).to_bytes(32, "big")


def ecdh(d, pk):
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), pk)
    return ec.derive_private_key(d, ec.SECP256R1()).exchange(ec.ECDH(), peer)


def expand(prk, info, length):
    out, t, i = b"", b"", 1
    while len(out) < length:
        t = mac(prk, t, info, bytes([i]))
        out, i = out + t, i + 1
    return out[:length]


def labeled_extract(suite, salt, label, ikm):
    return mac(salt, b"HPKE-v1", suite, label, ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def exporter(dh, enc, pkR, info, psk, psk_id, kem_id=b"\x00\x10"):
    kem, suite = b"KEM" + kem_id, b"HPKE" + kem_id + b"\x00\x01\xff\xff"
    shared = labeled_expand(kem, labeled_extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + pkR, 32)
    context = (b"\x01" if psk else b"\x00") + labeled_extract(suite, b"", b"psk_id_hash", psk_id) \
        + labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", psk)
    exp = labeled_expand(suite, secret, b"exp", context, 32)
    return lambda label, length: labeled_expand(suite, exp, b"sec", label, length)


def bstr(b):
    n = len(b)
    return (bytes([0x40 | n]) if n < 24 else b"\x58" + bytes([n]) if n < 256 else b"\x59" + struct.pack(">H", n)) + b


def protected(tag):
    return bytes.fromhex("a1010a" if tag == 8 else "a101181e")


def seal(key, iv, ctr, tag, head, extra, data):
    nonce = (int.from_bytes(iv, "big") ^ ctr).to_bytes(13, "big")
    aad = b"\x83\x68Encrypt0" + bstr(protected(tag)) + bstr(head + extra)
    return head + AESCCM(key, tag_length=tag).encrypt(nonce, data, aad)


def cose(frame, head, tag, unprotected):
    entries = b"".join(bytes([k]) + bstr(v) for k, v in unprotected)
    return b"\x83" + bstr(protected(tag)) + bytes([0xA0 | len(unprotected)]) + entries + bstr(frame[head:])


def ephemeral(secret, boot, rng):
    for i in range(256):
        d = mac(secret or bytes(32), b"fl1 eph", struct.pack(">I", boot), bytes([i]), rng)
        if 1 <= int.from_bytes(d, "big") < N:
            return int.from_bytes(d, "big")


class Device:
    def __init__(self, c):
        self.c = c
        x, y = public(c["skR"])
        self.pkR = even(x, y)
        self.secret = c["secret"]
        policy = 1 << 3 | (0 if c["compact"] else 1 << 2) | (1 << 4 if self.secret else 0)
        slots = x + (self.secret or FF * 32) + FF * 64
        head = b"FL1O" + bytes([1, 1, 1, 2 if self.secret else 1]) + c["serial"] \
            + struct.pack(">HHHBBHH", c["fleet"], c["model"], policy, 0, 0, c["day"], c["station"])
        image = head + struct.pack(">I", zlib.crc32(head + slots)) + slots
        m = mac(mac(self.secret, b"fl1 otp"), image) if self.secret else hashlib.sha256(image).digest()
        self.image = image + m[:16]

    def first(self, boot, rng, data, extra=b""):
        c = self.c
        d = ephemeral(self.secret, boot, rng)
        enc = even(*public(d))
        info = b"fl1\x01\x01" + struct.pack(">H", c["fleet"]) + c["serial"]
        psk = mac(self.secret, b"fl1 psk", enc[1:33]) if self.secret else b""
        export = exporter(ecdh(d, self.pkR), enc, self.pkR, info, psk, c["serial"] if psk else b"")
        s = {k: export(b"fl1 " + k.encode(), n) for k, n in (("key", 16), ("iv", 13), ("sid", 8), ("dkey", 16), ("div", 13))}
        kid, tag = (c["serial"][4:], 8) if c["compact"] else (c["serial"], 16)
        head = bytes([0x28 if c["compact"] else 0x20]) + kid + enc[1:33]
        frame = seal(s["key"], s["iv"], 0, tag, head, extra, data)
        return frame, s, cose(frame, len(head), tag, [(4, kid), (0x23, enc[1:33])])

    def later(self, s, ctr, data):
        c = self.c
        hdr = {(2, 1): 0x49, (2, 2): 0x4A, (4, 1): 0x51, (4, 2): 0x52}[c["sid_len"], c["ctr_len"]]
        sid, n = s["sid"][:c["sid_len"]], ctr.to_bytes(c["ctr_len"], "big")
        head = bytes([hdr]) + sid + n
        frame = seal(s["key"], s["iv"], ctr, 8, head, b"", data)
        return frame, cose(frame, len(head), 8, [(4, sid), (6, n)])


def stream(label, n):  # reproducible bytes
    return b"".join(hashlib.sha256(f"fuseline TEST {label} {i}".encode()).digest() for i in range(n // 32 + 1))[:n]


def case(i, psk, compact, sid_len, ctr_len, boot, ctr, size, rng_works=True):
    c = {"skR": int.from_bytes(stream(f"skR{i}", 32), "big") % (N - 1) + 1, "secret": stream(f"S1{i}", 32) if psk else None,
         "serial": b"TEST000" + str(i).encode(), "fleet": 0x0102 + i, "model": 7, "day": 2516, "station": 3,
         "compact": compact, "sid_len": sid_len, "ctr_len": ctr_len}
    d = Device(c)
    rng, proof_rng = (stream(f"rng{i}", 32), stream(f"proof rng{i}", 32)) if rng_works else (bytes(32), bytes(32))
    data, later, challenge = stream(f"data{i}", size), stream(f"later{i}", size), stream(f"challenge{i}", 32)
    proof_bytes = b"fl1 proof" + challenge + hashlib.sha256(d.image).digest()
    frame, s, full = d.first(boot, rng, data)
    frame2, full2 = d.later(s, ctr, later)
    proof, _, _ = d.first(boot + 1, proof_rng, b"", proof_bytes)
    h = {"image": d.image, "skR": c["skR"].to_bytes(32, "big"), "rng": rng if rng_works else b"",
         "proof_rng": proof_rng if rng_works else b"", "data": data, "open": frame, "session": b"".join(s.values()),
         "open_cose": full, "later": later, "data_frame": frame2, "data_cose": full2, "challenge": challenge, "proof": proof}
    return {"id": i, "psk": psk, "compact": compact, "sid_len": sid_len, "ctr_len": ctr_len, "boot": boot, "counter": ctr,
            **{k: v.hex() for k, v in h.items()}}


if __name__ == "__main__":
    print(json.dumps({"source": "docs/protocol.md, scheme 1; generate.py", "cases": [
        case(1, False, False, 2, 1, 1, 1, 16), case(2, False, True, 2, 2, 2, 65535, 16), case(3, True, False, 4, 1, 0x40000, 255, 16),
        case(4, True, True, 4, 2, 0xFFFFFD, 256, 16), case(5, False, False, 2, 1, 77, 9, 0), case(6, True, False, 2, 2, 300, 2, 512),
        case(7, True, True, 2, 1, 9, 1, 255, rng_works=False), case(8, False, True, 4, 2, 12345, 4660, 24)]}, indent=1))
