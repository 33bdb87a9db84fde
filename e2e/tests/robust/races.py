# Threads of several processes at the same few tunnels, sessions, channels and units: argv is the
# daemon's process, a seed, processes, threads, and turns of each.
import threading

daemon, seed, processes, threads, turns = map(int, sys.argv[1:6])
# What Linux may refuse each with, whatever the others do meanwhile.
ADMITTED = {
    "tunnel": "EEXIST EADDRINUSE",
    "managed": "EEXIST EBADF EBUSY",
    "session": "ENODEV EEXIST EPROTONOSUPPORT",
    "delete tunnel": "ENODEV",
    "delete session": "ENODEV",
    "list": "",
    "socket": "",
    "connect": "ENOENT EEXIST EPROTOTYPE EBUSY EBADF ENODEV ENOTCONN",
    "name": "EBADF ENOTCONN",
    "channel": "ENOTCONN EBADF",
    "open": "",
    "attach channel": "ENXIO",
    "unit": "EEXIST",
    "attach unit": "ENXIO",
    "into unit": "ENXIO EINVAL ENOTCONN",
    "out of unit": "EINVAL",
    "bridge": "ENXIO EALREADY ENOTCONN",
    "end of bridge": "EINVAL",
}


class Actor:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.netlink = Netlink()
        self.seen = {}

    def note(self, what, result):
        self.seen.setdefault(what, set()).add(name(min(result, 0)))
        return result

    def turn(self):
        self.random.choice([self.by_netlink, self.by_netlink, self.by_socket, self.by_file])()

    def ids(self):
        return self.random.randint(1, 3), self.random.randint(1, 3)

    def by_netlink(self):
        netlink, note = self.netlink, self.note
        tunnel, session = self.ids()
        match self.random.randrange(6):
            case 0:
                note("tunnel", netlink.tunnel(tunnel, 5000 + tunnel))
            case 1:
                pseudowire = self.random.choice([PPP, ETHERNET])
                note("session", netlink.session(tunnel, session, pseudowire, f"pw{session}"))
            case 2:
                note("delete session", netlink.delete_session(tunnel, session))
            case 3 if self.random.randrange(4) == 0:
                note("delete tunnel", netlink.delete_tunnel(tunnel))
            case 4:
                carrier = udp()
                note("managed", netlink.tunnel(tunnel, fd=carrier.fileno(), version=2))
                note("session", netlink.session(tunnel, session, PPP))
                carrier.close()
            case _:
                netlink.count(SESSION_GET)

    def by_socket(self):
        tunnel, session = self.ids()
        fd = self.note("socket", pppox())
        carrier = udp() if self.random.randrange(2) else None
        named = -1 if carrier is None else carrier.fileno()
        session = session if carrier is None else 0
        # The same socket by two threads at once.
        other = threading.Thread(target=connect, args=(fd, address(tunnel, session, named)))
        other.start()
        self.note("connect", connect(fd, address(tunnel, session, named)))
        space, length = ctypes.create_string_buffer(64), ctypes.c_uint(64)
        self.note("name", call(libc.getsockname, fd, space, ctypes.byref(length)))
        if session:
            self.use(self.note("channel", word(fd, PPPIOCGCHAN)))
        other.join()
        os.close(fd)
        if carrier is not None:
            carrier.close()

    def use(self, channel):
        note = self.note
        fd = note("open", open_ppp())
        if note("attach channel", word(fd, PPPIOCATTCHAN, max(channel, 1))) >= 0:
            match self.random.randrange(3):
                case 0:
                    note("into unit", word(fd, PPPIOCCONNECT, self.random.randrange(3)))
                    note("out of unit", ioctl(fd, PPPIOCDISCONN))
                case 1:
                    other = max(channel + self.random.choice([-2, -1, 1]), 1)
                    note("bridge", word(fd, PPPIOCBRIDGECHAN, other))
                    note("end of bridge", ioctl(fd, PPPIOCUNBRIDGECHAN))
                case _:
                    note("into unit", word(fd, PPPIOCCONNECT, self.random.randrange(3)))
        os.close(fd)

    def by_file(self):
        note = self.note
        fd, number = note("open", open_ppp()), self.random.randrange(3)
        if self.random.randrange(2):
            note("unit", word(fd, PPPIOCNEWUNIT, number))
        else:
            note("attach unit", word(fd, PPPIOCATTACH, number))
        os.close(fd)


def act(actor):
    for _ in range(turns):
        actor.turn()


def process(number):
    actors = [Actor(seed * 1000 + number * 100 + at) for at in range(threads)]
    running = [threading.Thread(target=act, args=(actor,)) for actor in actors]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    odd = []
    for actor in actors:
        for what, seen in actor.seen.items():
            for code in seen - {"0"} - set(ADMITTED[what].split()):
                odd.append((what, code))
    if odd:
        print("odd:", sorted(set(odd)), file=sys.stderr, flush=True)
    os._exit(1 if odd else 0)


[supervisor] = pids("adit-supervisor", "ADIT_MARK=" + os.environ["ADIT_MARK"])
before = descriptors(daemon), descriptors(supervisor)
children = []
for number in range(processes):
    child = os.fork()
    if child == 0:
        process(number)
    children.append(child)
statuses = [os.waitpid(child, 0)[1] for child in children]
assert not any(statuses), statuses
netlink = Netlink()
for tunnel in (1, 2, 3):
    netlink.delete_tunnel(tunnel)
for tunnel in (1, 2, 3):
    # Ids and names are free again for who comes next.
    eventually("an id is free", lambda: netlink.tunnel(tunnel, 5000 + tunnel) == 0)
    assert netlink.session(tunnel, 1, ETHERNET, f"pw{tunnel}") == 0
    assert netlink.delete_tunnel(tunnel) == 0
assert netlink.count(SESSION_GET) == netlink.count(TUNNEL_GET) == 0
for number in range(3):
    fd = open_ppp()
    assert word(fd, PPPIOCNEWUNIT, number) == number
    os.close(fd)
eventually("devices are gone", lambda: not devices())
netlink.close()
eventually("the daemon's descriptors are given back", lambda: descriptors(daemon) <= before[0])
eventually("the supervisor's descriptors are", lambda: descriptors(supervisor) <= before[1])
