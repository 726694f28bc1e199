#!/usr/bin/env python3
"""Second implementation of every first frame, DATA, DOWN, proof, ROTATE and COSE form in docs/vectors, from docs/protocol.md and not from
the C code.  It makes each frame from the inputs; of signatures it takes the one in the file and verifies it.
Not part of the build.  Needs python3-cryptography.   Use, in this folder: check_docs.py ../../../docs/vectors/*.json"""
import hashlib, json, struct, sys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from generate import N, bstr, cose, ecdh, ephemeral, even, expand, exporter, mac, public, seal

OPEN = {1: 0x20, 2: 0x21, 3: 0x22, 6: 0x31, 8: 0x23}
DATA = {(2, 1): 0x49, (2, 2): 0x4A, (4, 1): 0x51, (4, 2): 0x52}


def mgf(seed, n):
    return b"".join(hashlib.sha256(seed + struct.pack(">I", i)).digest() for i in range(n // 32 + 1))[:n]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def u(b):
    return int.from_bytes(b, "big")


def x25519(k, point):
    """RFC 7748 5, as it stands there."""
    p, k = 2**255 - 19, bytearray(k)
    k[0], k[31] = k[0] & 248, k[31] & 127 | 64
    k, x1 = int.from_bytes(k, "little"), int.from_bytes(point, "little") % 2**255
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % p, b * b % p, d * a % p, c * b % p
        x3, z3, x2, z2 = (da + cb)**2 % p, x1 * (da - cb)**2 % p, aa * bb % p, (aa - bb) * (aa + 121665 * (aa - bb)) % p
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def verify(x, sig, tbs):
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + x)
    key.verify(utils.encode_dss_signature(u(sig[:32]), u(sig[32:])), tbs, ec.ECDSA(hashes.SHA256()))


class Product:
    def __init__(self, j):
        self.j, h = j, bytes.fromhex
        image = h(j["image"])
        assert image[5] == j["scheme"] and image[6] == j["suite"] and image[8:16] == h(j["serial8"])
        self.scheme, self.suite, self.serial, self.epoch = j["scheme"], j["suite"], image[8:16], bytes([j["epoch"]])
        self.fleet, self.slot = image[16:18], [image[32 + 32 * i:64 + 32 * i] for i in range(4)]
        policy = struct.unpack(">H", image[20:22])[0]
        self.compact, self.sign_all, self.psk = not policy & 4, bool(policy & 2), bool(policy & 16)
        secret = self.slot[{1: 1, 2: 3, 3: 1, 4: 0, 5: 0, 6: 3, 8: 1}[self.scheme]]
        self.secret = None if secret == b"\xff" * 32 else secret
        if self.scheme in (3, 8):
            self.x = self.signing_key()
            image = image[:64] + b"\xff" * 32 + image[96:]
            assert self.scheme == 8 or self.slot[3] == hashlib.sha256(self.x).digest()
        self.digest = hashlib.sha256(image).digest()
        if "skR" in j:
            skR = h(j["skR"])
            self.pkR = x25519(skR, b"\x09" + bytes(31)) if self.suite == 2 else even(*public(u(skR)))
            assert self.pkR[-32:] == h(j["pkRm"])[-32:] and self.pkR[:33][-32:] == self.slot[1 if self.scheme == 6 else 0]
        self.kid = self.serial[4:] if self.compact else self.serial
        self.tag = 8 if self.compact else 16

    def signing_key(self):
        d = next(d for d in (u(mac(self.secret, b"fl1 sig", bytes([i]))) for i in range(256)) if 1 <= d < N)
        return public(d)[0]

    def signed(self, s, ctr, text, extra, sig):
        H = hashlib.sha256(s["info"] + self.pkR + s["head"] + struct.pack(">I", s["boot"]) + ctr.to_bytes(5, "big")).digest()
        tbs = b"\x84\x6ASignature1\x43\xa1\x01\x28" + bstr(H + extra) + bstr(text)
        verify(self.x, sig, tbs)
        return text + sig

    def encap(self, f):
        """enc, its 32 bytes on the air, dh, number of the KEM"""
        if self.suite == 2:
            sk = mac(self.secret or bytes(32), b"fl1 eph", struct.pack(">I", f["boot"]), b"\0", bytes.fromhex(f["rng32"]))
            enc = x25519(sk, b"\x09" + bytes(31))
            return enc, enc, x25519(sk, self.pkR), b"\x00\x20"
        d = ephemeral(self.secret, f["boot"], bytes.fromhex(f["rng32"]))
        enc = even(*public(d))
        return enc, enc[1:33], ecdh(d, self.pkR), b"\x00\x10"

    def open_hpke(self, f, data, extra):
        enc, x, dh, kem = self.encap(f)
        name = self.kid if self.scheme == 1 else self.epoch
        info = b"fl1" + bytes([self.suite, self.scheme]) + self.fleet + (self.serial if self.scheme == 1 else self.epoch)
        psk = mac(self.secret, b"fl1 psk", x) if self.psk else b""
        export = exporter(dh, enc, self.pkR, info, psk, self.serial if psk else b"", kem)
        s = {k: export(b"fl1 " + k.encode(), n) for k, n in (("key", 16), ("iv", 13), ("sid", 8), ("dkey", 16), ("div", 13))}
        s.update(boot=f["boot"], info=info, head=bytes([OPEN[self.scheme] | (8 if self.compact else 0)]) + name + x)
        boot3, text = struct.pack(">I", f["boot"])[1:], data
        if self.scheme == 2:
            text = self.kid + data
        if self.scheme in (3, 8):
            text = self.kid + boot3 + (self.x if self.scheme == 8 else b"") + data
            text = self.signed(s, 0, text, extra, bytes.fromhex(f["sig64"]))
        frame = seal(s["key"], s["iv"], 0, self.tag, s["head"], extra, text)
        return frame, s, cose(frame, len(s["head"]), self.tag, [(4, name), (0x23, x)])

    def open_rsa(self, f, data, extra):
        n, e = u(bytes.fromhex(self.j["rsa_n"])), u(bytes.fromhex(self.j["rsa_e4"]))
        ID, seed = (mac(self.secret, b"fl1 rid", struct.pack(">I", f["boot"]), bytes([i]), bytes.fromhex(f["rng32"])) for i in (0, 1))
        label = (b"fl1 proof" if extra else b"fl1 rsa") + self.fleet
        m = b"\x01" + ID + (hashlib.sha256(extra).digest() if extra else data)
        db = hashlib.sha256(label).digest() + bytes(512 - 66 - len(m)) + b"\x01" + m
        db = xor(db, mgf(seed, len(db)))
        okm = expand(ID, b"fl1 ses" + b"\x10" + self.fleet, 66)
        s = dict(key=okm[:16], iv=okm[16:29], sid=okm[29:37], dkey=okm[37:53], div=okm[53:])
        return b"\x30" + pow(u(b"\0" + xor(seed, mgf(db, 32)) + db), e, n).to_bytes(512, "big"), s, None

    def open_boot(self, f, data, extra):
        key = self.secret
        if self.scheme == 5:
            aes = Cipher(algorithms.AES(bytes.fromhex(self.j["master32"])), modes.ECB()).encryptor()
            assert key == aes.update(self.serial + b"fl1root1" + self.serial + b"fl1root2")
            key = mac(key, b"\0\0\0\1fl1 gen\0", bytes([self.j["gen"]]), bytes.fromhex(self.j["salt16"]), b"\0\0\1\0")
        boot4 = struct.pack(">I", f["boot"])
        okm = expand(key, b"fl1 boot" + bytes([self.suite, self.scheme]) + self.fleet + self.serial + boot4, 58)
        s = dict(key=okm[:16], iv=okm[16:29], dkey=okm[29:45], div=okm[45:], boot3=boot4[1:])
        frame, full = self.boot_data(s, 1, data, extra)
        return frame, s, full

    def boot_data(self, s, ctr, data, extra=b""):
        name, c = self.serial[4:] + s["boot3"], struct.pack(">H", ctr)
        frame = seal(s["key"], s["iv"], ctr, 8, b"\x55" + name + c, extra, data)
        return frame, cose(frame, 10, 8, [(4, name), (6, c)])

    def first(self, f, data, extra):
        way = self.open_boot if self.scheme in (4, 5) else self.open_rsa if self.suite == 16 else self.open_hpke
        return way(f, data, extra)

    def data(self, s, f, data):
        if self.scheme in (4, 5):
            return self.boot_data(s, f["ctr"], data)
        n = self.j["ctr_len"]
        sid, c = s["sid"][:self.j["sid_len"]], f["ctr"].to_bytes(n, "big")
        head = bytes([DATA[len(sid), n]]) + sid + c
        text = self.signed(s, f["ctr"], data, b"", bytes.fromhex(f["sig64"])) if self.sign_all else data
        frame = seal(s["key"], s["iv"], f["ctr"], 8, head, b"", text)
        return frame, cose(frame, len(head), 8, [(4, sid), (6, c)])

    def down(self, s, f, data):
        name = self.serial[4:] if self.scheme in (4, 5) else s["sid"][:self.j["sid_len"]]
        c = bytes([f["ctr"]])
        head = bytes([0x69 if len(name) == 2 else 0x71]) + name + c
        frame = seal(s["dkey"], s["div"], f["ctr"], 8, head, b"", data)
        return frame, cose(frame, len(head), 8, [(4, name + s.get("boot3", b"")), (6, c)])


def check(p):
    sessions = {}
    for i, f in enumerate(p.j["frames"]):
        data, extra = bytes.fromhex(f["data"]), b""
        if f["kind"] == "PROOF":
            extra = b"fl1 proof" + bytes.fromhex(f["challenge32"]) + p.digest
        if "under" not in f:
            frame, sessions[i], full = p.first(f, data, extra)
        else:
            frame, full = (p.down if f["kind"] == "DOWN" else p.data)(sessions[f["under"]], f, data)
        assert frame.hex() == f["frame"], (p.j["name"], i)
        assert (full.hex() if full else None) == f.get("cose"), (p.j["name"], i, "cose")
    return len(p.j["frames"])


def check_rotates(fleet):
    image = bytes.fromhex(fleet["image"])
    slot = [image[32 + 32 * i:64 + 32 * i] for i in range(4)]
    ra = {2: (1, 2), 3: (2,), 6: (2,), 8: (2,)}[fleet["scheme"]]
    for f in fleet["frames"]:
        x, sig = bytes.fromhex(f["x32"]), bytes.fromhex(f["frame"])[34:]
        epoch = bytes([f["epoch1"]]) if f["epoch1"] < 24 else b"\x18" + bytes([f["epoch1"]])
        key = b"\xA3\1\1\x20\4\x21" + bstr(x) if fleet["suite"] == 2 else b"\xA4\1\2\x20\1\x21" + bstr(x) + b"\x22\xF4"
        payload = b"\xA2\1" + epoch + b"\2" + key
        aad = b"fl1 rotate" + bytes([f["v"], fleet["suite"]]) + image[16:18]
        tbs = b"\x84\x6ASignature1\x43\xA1\x01\x28" + bstr(aad) + bstr(payload)
        assert tbs.hex() == f["sig_structure"] and f["frame"] == (bytes([0x80 + f["v"], f["epoch1"]]) + x + sig).hex()
        verify(slot[ra[f["v"]]], sig, tbs)
        low = sig[:32] + min(u(sig[32:]), N - u(sig[32:])).to_bytes(32, "big")
        assert f["cose"] == (b"\x84\x43\xA1\x01\x28\xA0" + bstr(payload) + bstr(low)).hex()
    return len(fleet["frames"])


if __name__ == "__main__":
    files = [json.load(open(path)) for path in sys.argv[1:]]
    count = sum(check(Product(j)) for file in files for j in file.get("products", []))
    count += sum(check_rotates(j) for file in files for j in file.get("fleets", []))
    print(count, "frames agree")
