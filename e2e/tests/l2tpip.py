# A program that sets a tunnel up over IP as Linux's documents have it, without a control protocol
# to speak of: call or listen, then carry a session, and close. Prints a line a step, and goes on
# when a line comes in.
import ctypes
import socket
import struct
import sys

from pyroute2 import L2tp

role, near, far = sys.argv[1:]
family = socket.AF_INET6 if ":" in near else socket.AF_INET
libc = ctypes.CDLL(None, use_errno=True)

# What either end calls its control connection and its session.
CALLER, LISTENER = (3000, 1000), (4000, 2000)


def address(host, connection):
    """A sockaddr_l2tpip or sockaddr_l2tpip6."""
    octets = socket.inet_pton(family, host)
    if family == socket.AF_INET:
        return struct.pack("=HH4sI4x", family, 0, octets, connection)
    return struct.pack("=HHI16sII", family, 0, 0, octets, 0, connection)


def call(function, sock, octets):
    if function(sock.fileno(), octets, len(octets)):
        error = ctypes.get_errno()
        raise OSError(error, socket.errno.errorcode[error])


def open_at(connection):
    sock = socket.socket(family, socket.SOCK_DGRAM, 115)
    call(libc.bind, sock, address(near, connection))
    sock.settimeout(20)
    return sock


def control(connection, text):
    """A control message of L2TPv3, with a text where the AVPs would be."""
    return struct.pack("!HHIHH", 0xC803, 12 + len(text), connection, 0, 0) + text


def assigned(message):
    return int(message[12:].split()[1])


def step(text):
    print(text, flush=True)
    sys.stdin.readline()


if role == "call":
    own, peer = CALLER, LISTENER
    sock = open_at(own[0])
    call(libc.connect, sock, address(far, 0))
    sock.send(control(0, b"SCCRQ %d" % own[0]))
    answer, sender = sock.recvfrom(2000)
    assert sender[0] == far, sender
    assert answer == control(own[0], b"SCCRP %d" % peer[0]), answer
    call(libc.connect, sock, address(far, assigned(answer)))
    sock.sendall(control(peer[0], b"SCCCN"))
else:
    own, peer = LISTENER, CALLER
    listener = open_at(0)
    step("listening")
    question, sender = listener.recvfrom(2000)
    assert sender[0] == far, sender
    assert question == control(0, b"SCCRQ %d" % peer[0]), question
    sock = open_at(own[0])
    # From the listener, to whoever has asked.
    listener.sendto(control(assigned(question), b"SCCRP %d" % own[0]), (far, 0))
    call(libc.connect, sock, address(far, assigned(question)))
    assert sock.recv(2000) == control(own[0], b"SCCCN")

l2tp = L2tp()
l2tp.create_tunnel(
    tunnel_id=own[0],
    peer_tunnel_id=peer[0],
    encap="ip",
    fd=sock.fileno(),
    local=near,
    remote=far,
)
l2tp.create_session(
    tunnel_id=own[0], session_id=own[1], peer_session_id=peer[1], ifname="pw0"
)
step("up")
# The tunnel has not taken the control messages.
sock.send(control(peer[0], b"HELLO"))
assert sock.recv(2000) == control(own[0], b"HELLO")
step("told")
sock.close()
step("closed")
