#!/usr/bin/python3
"""tests/fakes/http/server.py DIR - a server for `fuseline relay`, true to the contract of docs/protocol.md, or not on demand.

DIR/cert.pem, DIR/key.pem   its certificate and key
DIR/port                    written once it listens; reused if it is there (a server that comes back)
DIR/mode                    what it does, read at each request; missing: ok
    ok        a receipt for each frame       refuse    00 for each frame       once      00 at first sight of a frame, then 01
    flipped   00 for what isn't in DIR/good  lost      records, then closes without an answer
    500 503   that status                    hang      answers nothing         close     closes amid the answer
    short     one receipt too few            digest    the receipt of another  status    a receipt that begins with 02
    tail      a byte behind the answer       long      an endless answer       nothing   200 without a body
DIR/down                    frames in hex, one a line: sent once, behind the receipts
DIR/log                     a line a request: path, frames
DIR/seen                    each frame in hex as it came, one a line
DIR/recorded                each frame that got 01, once
"""
import hashlib
import http.server
import os
import ssl
import sys
import threading
import time

DIR = sys.argv[1]
LOCK = threading.Lock()
seen, recorded = set(), set()


def path(name):
    return os.path.join(DIR, name)


def text(name, default=""):
    try:
        with open(path(name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return default


def append(name, lines):
    with open(path(name), "a") as f:
        f.write("".join(line + "\n" for line in lines))


def frames_of(body):
    frames, at = [], 0
    while at < len(body):
        n = int.from_bytes(body[at:at + 2], "big")
        frame = body[at + 2:at + 2 + n]
        if not 1 <= n <= 1024 or len(frame) != n:
            return None
        frames.append(frame)
        at += 2 + n
    return frames if 1 <= len(frames) <= 256 and len(body) <= 65536 else None


def opens(mode, frame, good):
    if mode == "refuse" or (mode == "once" and frame not in seen):
        return False
    return mode != "flipped" or frame.hex() in good


def answer(mode, frames):
    good = set(text("good").split()) if mode == "flipped" else ()
    out, new = [], []
    for f in frames:
        ok = opens(mode, f, good)
        out.append(bytes([ok]) + hashlib.sha256(f).digest()[:8])
        if ok and f not in recorded:
            recorded.add(f)
            new.append(f.hex())
        seen.add(f)
    append("recorded", new)
    return out


def down():
    frames = [bytes.fromhex(line) for line in text("down").split()]
    if frames:
        os.unlink(path("down"))
    return b"".join(len(f).to_bytes(2, "big") + f for f in frames)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", length=None):
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        frames = frames_of(body)
        mode = text("mode", "ok")
        with LOCK:
            append("log", ["%s %s %s" % (self.path, mode, len(frames or []))])
            append("seen", [f.hex() for f in frames or []])
            if frames is None or self.headers["Content-Type"] != "application/octet-stream":
                return self.reply(400)
            if mode.isdigit():
                return self.reply(int(mode))
            if mode == "hang":
                receipts = None
            else:
                receipts = answer(mode if mode in ("refuse", "once", "flipped") else "ok", frames)
        if receipts is None:
            time.sleep(60)
            self.close_connection = True
            return None
        return self.misbehave(mode, receipts)

    def misbehave(self, mode, receipts):
        if mode == "short":
            receipts = receipts[:-1]
        if mode == "digest":
            receipts[-1] = b"\1" + bytes(8)
        if mode == "status":
            receipts[-1] = b"\2" + receipts[-1][1:]
        body = b"".join(receipts)
        if mode in ("lost", "close"):
            self.close_connection = True
            if mode == "close":
                self.reply(200, body[:len(body) // 2], len(body))
            return None
        if mode == "nothing":
            return self.reply(200)
        if mode == "tail":
            body += b"\0"
        if mode == "long":
            body += b"\0\1\x69" * 200000
        with LOCK:
            body += down()
        return self.reply(200, body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away is what the tests are about


def listen(port):
    """While nobody listened there, the port may have been given to some connection, for a moment."""
    for _ in range(200):
        try:
            return Server(("127.0.0.1", port), Handler)
        except OSError:
            time.sleep(0.1)
    return Server(("127.0.0.1", port), Handler)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("cert.pem"), path("key.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    server = listen(int(text("port", "0")))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    recorded.update(bytes.fromhex(line) for line in text("recorded").split())
    with open(path("port.new"), "w") as f:
        f.write("%d\n" % server.server_address[1])
    os.rename(path("port.new"), path("port"))
    server.serve_forever()


main()
