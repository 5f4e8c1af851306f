"""An HTTPS server that wants a client certificate, and a proxy in front of it; prints their ports.

    tls_server.py FOLDER     (with server.pem, server.key, ca.pem)

Each answer is a Namespace whose uid tells the client's common name, the name that the client asked
for in TLS, and the Host header.
"""

import http.server
import json
import socket
import ssl
import sys
import threading

names = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        certificate = self.connection.getpeercert() or {}
        subject = dict(part[0] for part in certificate.get("subject", ()))
        name = names.get("last")
        uid = f"{subject.get('commonName')} {name} {self.headers['Host']}"
        body = json.dumps({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": uid}})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.close()


def proxy(listener, used):
    """CONNECT, to wherever; notes that it was used."""
    while True:
        client, _ = listener.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        host, port = head.split()[1].decode().rsplit(":", 1)
        server = socket.create_connection(("127.0.0.1", int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with open(used, "a") as file:
            file.write(host + "\n")
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        threading.Thread(target=pump, args=(server, client), daemon=True).start()


def main():
    folder = sys.argv[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    context.load_verify_locations(f"{folder}/ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.sni_callback = lambda _socket, name, _context: names.update(last=name)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=proxy, args=(listener, f"{folder}/proxy.log"), daemon=True).start()
    print(f"{server.server_address[1]} {listener.getsockname()[1]}", flush=True)
    with open(f"{folder}/ports", "w") as file:
        file.write(f"{server.server_address[1]} {listener.getsockname()[1]}")
    threading.Timer(60, server.shutdown).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
