# Calls with arguments that no sound program gives: argv is a seed and how many calls are drawn.
import mmap
import threading

seed, draws = map(int, sys.argv[2:4])
rng = random.Random(seed)
PAGE = mmap.PAGESIZE
EFAULT, EINVAL = -errno.EFAULT, -errno.EINVAL
libc.mmap.restype = ctypes.c_void_p


def pages(protection):
    """Three pages, of which the first and the last are not there; gives the middle one's address."""
    at = libc.mmap(None, ctypes.c_size_t(3 * PAGE), 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(PAGE))
    libc.munmap(ctypes.c_void_p(at + 2 * PAGE), ctypes.c_size_t(PAGE))
    assert libc.mprotect(ctypes.c_void_p(at + PAGE), ctypes.c_size_t(PAGE), protection) == 0
    return at + PAGE


READ, WRITE = mmap.PROT_READ, mmap.PROT_WRITE
good, sealed, readable = pages(READ | WRITE), pages(0), pages(READ)
# Nowhere, or no longer there after some octets.
NOWHERE = [0, 1, good - 1, good + PAGE, sealed, 1 << 47, (1 << 64) - 8, (1 << 63) + PAGE, 0xDEAD << 48]
ENDS = [good + PAGE - left for left in (1, 2, 3, 7, 11)]
LENGTHS = [0, 1, 2, 3, 11, 12, 13, 37, 38, 39, 46, 50, 58, 64, 4096, 1 << 16, 1 << 31, -1, -12, (1 << 31) - 1]


def calls(number, *arguments):
    """A system call as it is, without what a library would check."""
    arguments = [ctypes.c_long(it if it < 1 << 63 else it - (1 << 64)) for it in arguments]
    return call(libc.syscall, ctypes.c_long(number), *arguments)


machine = os.uname().machine
NUMBERS = {
    "x86_64": dict(socket=41, connect=42, bind=49, getsockname=51, getpeername=52, setsockopt=54,
                   getsockopt=55, ioctl=16, openat=257, sendto=44, recvfrom=45, sendmsg=46),
    "aarch64": dict(socket=198, connect=203, bind=200, getsockname=204, getpeername=205,
                    setsockopt=208, getsockopt=209, ioctl=29, openat=56, sendto=206, recvfrom=207,
                    sendmsg=211),
}[machine]


def put(octets, at=good):
    ctypes.memmove(at, octets, len(octets))
    return at


def same(what, got, *wanted):
    got = name(min(got, 0))
    assert got in wanted, f"{what}: {got}, and Linux says {' or '.join(wanted)}"


netlink = Netlink()
assert netlink.tunnel(1, 5001) == 0
assert netlink.session(1, 1, PPP) == 0
carrier, manager, session, fresh = udp(), pppox(), pppox(), pppox()
assert connect(manager, address(2, 0, carrier.fileno())) == 0
assert connect(session, address(1, 1)) == 0
file, unit, channel = open_ppp(), open_ppp(), open_ppp()
assert word(unit, PPPIOCNEWUNIT, -1) == 0
assert word(channel, PPPIOCATTCHAN, word(session, PPPIOCGCHAN)) >= 0
objects = {
    "netlink": netlink.socket.fileno(), "fresh": fresh, "session": session, "manager": manager,
    "file": file, "unit": unit, "channel": channel,
}
sockets = ["netlink", "session", "manager"]
read_end, write_end = os.pipe()
others = [-1, -100, 1 << 20, (1 << 31) - 1, -(1 << 31), read_end, write_end, carrier.fileno(),
          os.open("/dev/null", os.O_RDWR), os.open("/", os.O_RDONLY), os.eventfd(0)]
n = NUMBERS


def addresses_are_looked_at():
    for at in NOWHERE + ENDS:
        same("connect", calls(n["connect"], fresh, at, 46), "EFAULT")
        same("bind", calls(n["bind"], objects["netlink"], at, 12), "EFAULT")
        for length in LENGTHS:
            if length not in (38, 46, 50, 58):
                result = calls(n["connect"], fresh, at, length)
                same(f"connect {length}", result, "EINVAL", "EFAULT")
    put(address(9, 9))
    same("connect", calls(n["connect"], fresh, good, 46), "ENOENT")
    # Not aligned, and up to the last octet of the page.
    same("connect", calls(n["connect"], fresh, put(address(9, 9), good + 3), 46), "ENOENT")
    at = put(address(9, 9), good + PAGE - 46)
    same("connect", calls(n["connect"], fresh, at, 46), "ENOENT")
    same("connect", calls(n["connect"], fresh, at, 58), "EFAULT")


def names_are_written_where_they_may():
    for what in sockets:
        fd = objects[what]
        for which in ("getsockname", "getpeername"):
            length = put(struct.pack("=i", 64))
            for at in NOWHERE + ENDS + [readable]:
                same(f"{which} to {at:#x}", calls(n[which], fd, at, length), "EFAULT")
                put(struct.pack("=i", 64))
            for at in NOWHERE + ENDS[:3]:
                same(f"{which} {at:#x}", calls(n[which], fd, good + 64, at), "EFAULT")
            put(struct.pack("=i", -1))
            same(which, calls(n[which], fd, good + 64, length), "EINVAL")
            for room in (0, 1, 5, 64, (1 << 31) - 1):
                ctypes.memset(good + 64, 0xAA, 80)
                put(struct.pack("=i", room))
                same(which, calls(n[which], fd, good + 64, length), "0")
                told = struct.unpack("=i", ctypes.string_at(length, 4))[0]
                written = min(room, told)
                assert ctypes.string_at(good + 64 + written, 8) == b"\xaa" * 8, (what, room)
    assert ctypes.string_at(readable, 16) == bytes(16)


def options_are_looked_at():
    for what, level, option in [("session", SOL_PPPOL2TP, 2), ("netlink", SOL_NETLINK, 10)]:
        fd = objects[what]
        for at in NOWHERE + ENDS[:3]:
            same("setsockopt", calls(n["setsockopt"], fd, level, option, at, 4), "EFAULT")
            same("getsockopt", calls(n["getsockopt"], fd, level, option, good, at), "EFAULT")
            put(struct.pack("=i", 4), good + 64)
            same("getsockopt", calls(n["getsockopt"], fd, level, option, at, good + 64), "EFAULT")
        put(struct.pack("=i", 4), good + 64)
        same("getsockopt", calls(n["getsockopt"], fd, level, option, readable, good + 64), "EFAULT")
        put(struct.pack("=i", -4), good + 64)
        same("getsockopt", calls(n["getsockopt"], fd, level, option, good, good + 64), "EINVAL")
        put(struct.pack("=i", 1))
        for length in (0, 1, 3, -1, -(1 << 31)):
            result = calls(n["setsockopt"], fd, level, option, good, length)
            # A netlink option that is too short is off.
            short = "0" if what == "netlink" and length >= 0 else "EINVAL"
            same(f"setsockopt {length}", result, short)
        same("setsockopt", calls(n["setsockopt"], fd, level, option, good, (1 << 31) - 1), "0")


def requests_are_looked_at():
    reads = [("unit", PPPIOCSFLAGS), ("file", PPPIOCNEWUNIT), ("file", PPPIOCATTACH),
             ("file", PPPIOCATTCHAN), ("channel", PPPIOCCONNECT), ("channel", PPPIOCBRIDGECHAN),
             ("unit", 0x40107447), ("unit", 0x4010744D), ("unit", 0x4008744B)]
    writes = [("unit", PPPIOCGUNIT), ("unit", PPPIOCGFLAGS), ("session", PPPIOCGCHAN),
              ("session", PPPIOCGL2TPSTATS), ("unit", 0x8010743F), ("unit", 0x8008743F)]
    for what, request in reads:
        for at in NOWHERE + ENDS[:3]:
            same(f"{what} {request:#x}", calls(n["ioctl"], objects[what], request, at), "EFAULT")
    for what, request in writes:
        # Linux knows one that is refused otherwise.
        wanted = "EINVAL" if request == PPPIOCGCHAN else "EFAULT"
        for at in NOWHERE + ENDS[:3] + [readable]:
            same(f"{what} {request:#x}", calls(n["ioctl"], objects[what], request, at), wanted)
    # A filter whose instructions are not there, are too many, or are none of BPF's.
    for count, at, wanted in [(1, 0, "EFAULT"), (1, good + PAGE - 7, "EFAULT"), (4097, good, "EINVAL"),
                              (65535, good, "EINVAL"), (4096, good, "EFAULT"), (1, good + 64, "EINVAL")]:
        put(b"\xff" * 64, good + 64)
        put(struct.pack("=HxxxxxxQ", count, at))
        same(f"a filter {count}", calls(n["ioctl"], unit, 0x40107447, good), wanted)


def other_descriptors_are_left_to_the_kernel():
    put(b"lo" + bytes(62))
    for fd in others:
        is_open = 0 <= fd < 1 << 20
        is_socket = fd == carrier.fileno()
        bad = "EBADF" if not is_open else "ENOTTY"
        for request in (PPPIOCGCHAN, PPPIOCNEWUNIT, PPPIOCATTCHAN, PPPIOCGL2TPSTATS, 0x89F0):
            same(f"ioctl {fd} {request:#x}", calls(n["ioctl"], fd, request, good), bad,
                 "ENOTSUP" if is_socket else bad)
        bad = "EBADF" if not is_open else "ENOTSOCK"
        if not is_socket:
            for which in ("getsockname", "getpeername"):
                same(which, calls(n[which], fd, good, good + 64), bad)
            same("connect", calls(n["connect"], fd, good, 46), bad)
            same("bind", calls(n["bind"], fd, good, 12), bad)
            same("setsockopt", calls(n["setsockopt"], fd, SOL_PPPOL2TP, 1, good, 4), bad)
            same("getsockopt", calls(n["getsockopt"], fd, SOL_PPPOL2TP, 1, good, good + 64), bad)
    # The halves of registers beyond an int are nothing to the kernel.
    wide = 0x5A5A << 32
    same("ioctl", calls(n["ioctl"], wide | unit, wide | PPPIOCGUNIT, good), "0")
    for kind in (0x10001, 0x7FF, -1, 11, 1 << 20):
        same(f"a socket {kind:#x}", calls(n["socket"], AF_PPPOX, kind, 1), "EINVAL")
        same(f"a socket {kind:#x}", calls(n["socket"], 16, kind, 16), "EINVAL", "ESOCKTNOSUPPORT")


def paths_are_looked_at():
    here = -100
    for at in NOWHERE:
        same("open", calls(n["openat"], here, at, os.O_RDWR, 0), "EFAULT")
    # It ends with the page, without its last octet.
    same("open", calls(n["openat"], here, put(b"/dev/ppp", good + PAGE - 8), os.O_RDWR, 0), "EFAULT")
    fd = calls(n["openat"], 1 << 20, put(b"/dev/ppp\0", good + PAGE - 9), os.O_RDWR, 0)
    same("open", fd, "0")
    os.close(fd)


def messages_are_looked_at():
    fd = objects["netlink"]
    head = struct.pack("=IHHII", 24, FAMILY, 5, 77, 0) + struct.pack("=BBH", TUNNEL_GET, 1, 0)
    for at in NOWHERE:
        same("sendto", calls(n["sendto"], fd, at, 24, 0, 0, 0), "EFAULT")
        same("sendmsg", calls(n["sendmsg"], fd, at, 0), "EFAULT")
    for _ in range(draws):
        octets = bytearray(head + rng.randbytes(rng.randrange(64)))
        match rng.randrange(4):
            case 0:
                struct.pack_into("=I", octets, 0, rng.choice([0, 1, 15, 16, 19, 20, 1 << 31, len(octets)]))
            case 1:
                octets[rng.randrange(len(octets))] = rng.randrange(256)
            case 2:
                struct.pack_into("=IH", octets, 0, len(octets), rng.choice([FAMILY, 16, 3, 2, 1]))
                octets[16] = rng.randrange(16)
            case _:
                octets = bytearray(rng.randbytes(rng.randrange(128)))
        netlink.socket.send(octets)
        drain()


def drain():
    while select.select([netlink.socket], [], [], 0)[0]:
        assert netlink.socket.recv(1 << 17), "the netlink socket has been hung up"


def ends_are_not_mistaken():
    # An empty message is no end.
    for what in ("session", "manager", "file", "netlink"):
        os.write(objects[what], b"")
    assert Netlink().count(TUNNEL_GET) == 2
    for what in ("session", "manager"):
        put(struct.pack("=i", 64))
        same("getsockname", calls(n["getsockname"], objects[what], good + 64, good), "0")
    for what in sockets:
        same("shutdown", call(libc.shutdown, objects[what], socket.SHUT_WR), "ENOTSUP")


def anything_goes():
    """Calls drawn at random: none stays without an answer."""
    values = NOWHERE + ENDS + LENGTHS + [good, readable] + others + list(objects.values())
    names = [it for it in n if it not in ("recvfrom", "sendto", "sendmsg")]
    requests = [0x7400 | rng.randrange(256) | rng.choice([0, 0x40040000, 0x80040000, 0xC0040000,
                                                          0x40100000]) for _ in range(64)]
    # What would end or block the test's own objects, which Linux does too, is not among them.
    for _ in range(draws):
        which = rng.choice(names)
        arguments = [rng.choice(values) for _ in range(5)]
        if which == "socket":
            arguments[:3] = rng.choice([(AF_PPPOX,), (16,), (2,), (10,)]) + (
                rng.choice([1, 2, 3, 0x801, 0x80002]), rng.choice([0, 1, 2, 3, 16, 115]))
        elif which == "openat":
            put(rng.choice([b"/dev/ppp\0", b"/dev/pp\0", b"/proc/net/pppol2tp\0"]))
            arguments[1:4] = good, rng.choice([0, 1, 2, 3, os.O_RDWR | os.O_NONBLOCK]), 0
        else:
            arguments[0] = rng.choice(list(objects.values()) + others)
        if which == "ioctl":
            arguments[1] = rng.choice(requests)
        if which in ("setsockopt", "getsockopt"):
            arguments[1] = rng.choice([1, SOL_NETLINK, SOL_PPPOL2TP])
            arguments[2] = rng.randrange(16)
            # A socket that times out is still to be read from.
            if arguments[1] == 1:
                continue
        put(rng.randbytes(64))
        result = calls(n[which], *arguments)
        assert result > -134, f"{which}: no error of Linux: {result}"
        if which in ("socket", "openat") and result > 2:
            os.close(result)


def arguments_change_meanwhile():
    """Another thread rewrites what the calls are about to read."""
    stop = threading.Event()
    forms = [address(1, 1), address(9, 9), address(2, 0, carrier.fileno()), rng.randbytes(46)]

    def rewrite():
        while not stop.is_set():
            put(forms[rng.randrange(len(forms))])
            put(struct.pack("=i", rng.choice([-1, 0, 4, 64, 1 << 30])), good + 128)

    thread = threading.Thread(target=rewrite)
    thread.start()
    for turn in range(draws // 4):
        one = pppox()
        result = calls(n["connect"], one, good, 46)
        same("connect", result, "0", "EINVAL", "ENOENT", "EEXIST", "EBADF", "EBUSY")
        result = calls(n["getsockname"], session, good + 256, good + 128)
        same("getsockname", result, "0", "EINVAL")
        put(rng.choice([b"/dev/ppp\0", b"/dev/nul\0"]), good + 1024)
        os.close(one)
    stop.set()
    thread.join()


for part in (addresses_are_looked_at, names_are_written_where_they_may, options_are_looked_at,
             requests_are_looked_at, other_descriptors_are_left_to_the_kernel, paths_are_looked_at,
             messages_are_looked_at, ends_are_not_mistaken, arguments_change_meanwhile,
             anything_goes):
    print(part.__name__, flush=True)
    part()
# The same supervisor and the same daemon serve on.
after = Netlink()
assert after.tunnel(77, 5077) == 0 and after.delete_tunnel(77) == 0
assert after.delete_tunnel(1) == 0
