# What a caller without CAP_NET_ADMIN over the namespace is told: argv is the daemon's process and how
# it has come to be without.
how = sys.argv[2]
EPERM = -errno.EPERM
ADMINISTRATION = [
    TUNNEL_CREATE, TUNNEL_DELETE, TUNNEL_MODIFY, TUNNEL_GET,
    SESSION_CREATE, SESSION_DELETE, SESSION_MODIFY, SESSION_GET,
]


def powerless(netlink):
    words = u32(CONN_ID, 1) + u32(SESSION_ID, 1)
    told = {command: netlink.ask(command, words) for command in ADMINISTRATION}
    assert set(told.values()) == {EPERM}, told
    # A dump is refused as well.
    assert netlink.ask(TUNNEL_GET, flags=0x301) == EPERM


def all_is_refused():
    powerless(Netlink())
    assert open_ppp() == EPERM
    one, carrier = pppox(), udp()
    assert connect(one, address(1, 1)) == EPERM
    assert connect(one, address(2, 0, carrier.fileno())) == EPERM


def in_a_child(work):
    """Does `work` as nobody, in a process of its own."""
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        try:
            work()
        except BaseException as failed:
            print(how, type(failed), failed, flush=True)
            os._exit(1)
        os._exit(0)
    return child


def ended_well(child):
    assert os.waitpid(child, 0)[1] == 0


def handed_over():
    """Whoever opened a netlink socket and whoever uses it must both have the power; an open
    /dev/ppp is its holder's, as with Linux."""
    opened, file = Netlink(), open_ppp()
    assert opened.tunnel(1, 5001) == 0
    ended_well(in_a_child(lambda: powerless(opened)))

    def holds_a_file():
        assert word(file, PPPIOCNEWUNIT, 5) == 5

    ended_well(in_a_child(holds_a_file))
    here, there = socket.socketpair()

    def passes_one_on():
        mine = Netlink()
        socket.send_fds(there, [b"x"], [mine.socket.fileno()])

    ended_well(in_a_child(passes_one_on))
    _, [passed], _, _ = socket.recv_fds(here, 1, 1)
    theirs = Netlink()
    theirs.socket = socket.socket(fileno=passed)
    theirs.socket.settimeout(30)
    powerless(theirs)
    assert opened.delete_tunnel(1) == 0


if how == "handed over":
    handed_over()
elif how == "user id":
    ended_well(in_a_child(all_is_refused))
else:
    all_is_refused()
