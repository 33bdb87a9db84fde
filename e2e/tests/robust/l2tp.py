# Linux's L2TP and PPP interfaces, as far as the tests beside need them. A call gives its result, or
# the errno that it was refused with, negated.
import ctypes
import errno
import faulthandler
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import time

AF_PPPOX = 24
PX_PROTO_OL2TP = 1
SOL_NETLINK = 270
SOL_PPPOL2TP = 273
FAMILY = None

TUNNEL_CREATE, TUNNEL_DELETE, TUNNEL_MODIFY, TUNNEL_GET = 1, 2, 3, 4
SESSION_CREATE, SESSION_DELETE, SESSION_MODIFY, SESSION_GET = 5, 6, 7, 8
PW_TYPE, ENCAP_TYPE, PROTO_VERSION, IFNAME, CONN_ID, PEER_CONN_ID = 1, 2, 7, 8, 9, 10
SESSION_ID, PEER_SESSION_ID, FD, IP_SADDR, IP_DADDR = 11, 12, 23, 24, 25
UDP_SPORT, UDP_DPORT = 26, 27
PPP, ETHERNET = 7, 5

PPPIOCGCHAN = 0x80047437
PPPIOCATTCHAN = 0x40047438
PPPIOCCONNECT = 0x4004743A
PPPIOCDISCONN = 0x7439
PPPIOCBRIDGECHAN = 0x40047435
PPPIOCUNBRIDGECHAN = 0x7434
PPPIOCNEWUNIT = 0xC004743E
PPPIOCATTACH = 0x4004743D
PPPIOCGUNIT = 0x80047456
PPPIOCGFLAGS = 0x8004745A
PPPIOCSFLAGS = 0x40047459
PPPIOCGL2TPSTATS = 0x80487436

# Whoever hangs says where.
faulthandler.dump_traceback_later(150, exit=True)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(function, *arguments):
    """What a function of the C library gives, or its errno negated."""
    result = function(*arguments)
    return -ctypes.get_errno() if result == -1 else result


def ioctl(fd, request, argument=0):
    if isinstance(argument, int):
        argument = ctypes.c_void_p(argument)
    return call(libc.ioctl, fd, ctypes.c_ulong(request), argument)


def word(fd, request, value=0):
    """An ioctl about an int: its refusal, or the int."""
    value = ctypes.c_int(value)
    refused = ioctl(fd, request, ctypes.byref(value))
    return refused if refused < 0 else value.value


def attribute(kind, octets):
    return struct.pack("=HH", 4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


def u32(kind, value):
    return attribute(kind, struct.pack("=I", value))


def u16(kind, value):
    return attribute(kind, struct.pack("=H", value))


def u8(kind, value):
    return attribute(kind, struct.pack("=B", value))


class Netlink:
    """A generic-netlink socket that waits half a minute for an answer and no longer."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.socket.settimeout(30)
        self.sequence = 0
        global FAMILY
        if FAMILY is None:
            name = attribute(2, b"l2tp\0")
            found = self.ask(3, name, family=16, flags=1)
            if isinstance(found, int):
                raise OSError(-found, "the family is unknown")
            at = 20
            while at < len(found):
                length, kind = struct.unpack_from("=HH", found, at)
                if kind == 1:
                    FAMILY = struct.unpack_from("=H", found, at + 4)[0]
                at += (length + 3) & ~3

    def close(self):
        self.socket.close()

    def ask(self, command, attributes=b"", family=None, flags=5):
        """The first answer: 0 or an errno negated, or the message itself."""
        self.sequence += 1
        kind = FAMILY if family is None else family
        length = 20 + len(attributes)
        head = struct.pack("=IHHII", length, kind, flags, self.sequence, 0)
        self.socket.send(head + struct.pack("=BBH", command, 1, 0) + attributes)
        while True:
            answer = self.socket.recv(1 << 16)
            if not answer:
                raise EOFError("hung up")
            _, kind, _, sequence, _ = struct.unpack_from("=IHHII", answer)
            if sequence == self.sequence:
                return struct.unpack_from("=i", answer, 16)[0] if kind == 2 else answer

    def count(self, command):
        """How many objects a dump lists."""
        self.sequence += 1
        head = struct.pack("=IHHII", 20, FAMILY, 0x301, self.sequence, 0)
        self.socket.send(head + struct.pack("=BBH", command, 1, 0))
        listed = 0
        while True:
            answer = self.socket.recv(1 << 17)
            while answer:
                length, kind, _, _, _ = struct.unpack_from("=IHHII", answer)
                if kind == 3:
                    return listed
                listed += 1
                answer = answer[(length + 3) & ~3 :]

    def tunnel(self, tunnel, port=None, fd=None, version=3):
        words = u32(CONN_ID, tunnel) + u32(PEER_CONN_ID, tunnel) + u8(PROTO_VERSION, version)
        if fd is not None:
            words += u16(ENCAP_TYPE, 0) + u32(FD, fd)
        else:
            local, remote = socket.inet_aton("127.0.0.1"), socket.inet_aton("127.0.0.2")
            words += u16(ENCAP_TYPE, 0 if port else 1)
            words += attribute(IP_SADDR, local) + attribute(IP_DADDR, remote)
            if port:
                words += u16(UDP_SPORT, port) + u16(UDP_DPORT, port)
        return self.ask(TUNNEL_CREATE, words)

    def session(self, tunnel, session, pseudowire=ETHERNET, name=None):
        words = u32(CONN_ID, tunnel) + u32(SESSION_ID, session) + u32(PEER_SESSION_ID, session)
        words += u16(PW_TYPE, pseudowire)
        if name:
            words += attribute(IFNAME, name.encode() + b"\0")
        return self.ask(SESSION_CREATE, words)

    def delete_tunnel(self, tunnel):
        return self.ask(TUNNEL_DELETE, u32(CONN_ID, tunnel))

    def delete_session(self, tunnel, session):
        return self.ask(SESSION_DELETE, u32(CONN_ID, tunnel) + u32(SESSION_ID, session))


def address(tunnel, session, fd=-1, version=3):
    """A PPPoL2TP address: with session 0 of the tunnel alone."""
    head = struct.pack("=HIii", AF_PPPOX, PX_PROTO_OL2TP, 0, fd) + bytes(16)
    ids = "=HHHH" if version == 2 else "=IIII"
    return head + struct.pack(ids, tunnel, session, tunnel, session)


def pppox():
    return call(libc.socket, AF_PPPOX, socket.SOCK_DGRAM, PX_PROTO_OL2TP)


def connect(fd, octets):
    return call(libc.connect, fd, octets, len(octets))


def open_ppp():
    # Not os.open, which would say EINTR and more by itself.
    return call(libc.open, b"/dev/ppp", os.O_RDWR | os.O_CLOEXEC)


def udp():
    """A connected UDP socket, for a tunnel."""
    it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    it.bind(("127.0.0.1", 0))
    it.connect(("127.0.0.2", 1701))
    return it


def pids(name, mark):
    """The processes of this name that have `mark` in their environment."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/comm") as comm, open(f"/proc/{entry}/environ") as environ:
                if comm.read() == name + "\n" and mark in environ.read():
                    found.append(int(entry))
        except OSError:
            pass
    return found


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    """The octets of memory that a process has of its own."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10


def devices():
    made = [name for _, name in socket.if_nameindex() if name != "lo"]
    return [name for name in made if name.startswith(("l2tpeth", "ppp"))]


def eventually(what, condition, patience=30):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"never happened: {what}")
        time.sleep(0.02)


def name(code):
    return errno.errorcode.get(-code, str(code)) if code < 0 else "0"
