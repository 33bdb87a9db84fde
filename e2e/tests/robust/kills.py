# Programs that are killed at any moment of a set-up, and others that see the supervisor or the
# daemon killed. argv is the daemon's process, who is killed, a seed, and how often, or a
# file that is there when a daemon is again.
import subprocess

daemon, killed, seed, more = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]


def set_up(tunnel):
    """One of everything, and its end; gives the descriptors that are open in the middle of it."""
    netlink = Netlink()
    netlink.tunnel(tunnel, 5000 + tunnel)
    netlink.session(tunnel, 1, ETHERNET)
    netlink.session(tunnel, 2, PPP)
    carrier, manager, first, second = udp(), pppox(), pppox(), pppox()
    connect(manager, address(tunnel + 100, 0, carrier.fileno(), 2))
    connect(first, address(tunnel + 100, 1, version=2))
    connect(second, address(tunnel, 2))
    channel, unit = open_ppp(), open_ppp()
    word(channel, PPPIOCATTCHAN, max(word(first, PPPIOCGCHAN), 0))
    number = word(unit, PPPIOCNEWUNIT, -1)
    word(channel, PPPIOCCONNECT, max(number, 0))
    held = [netlink.socket.fileno(), manager, first, second, channel, unit]
    yield held
    netlink.delete_session(tunnel, 1)
    for fd in held[1:]:
        if fd >= 0:
            os.close(fd)
    carrier.close()
    netlink.delete_tunnel(tunnel)
    netlink.close()


def again_and_again(enough=lambda: False):
    while not enough():
        for _ in set_up(1 + os.getpid() % 5):
            pass


def all_gone(netlink):
    for tunnel in range(1, 6):
        netlink.delete_tunnel(tunnel)
    return netlink.count(TUNNEL_GET) == netlink.count(SESSION_GET) == len(devices()) == 0


def works():
    """Everything can be made, and goes again."""
    [held] = [held for held in set_up(9)]
    assert min(held) >= 0, held
    return True


def kill_children():
    rng = random.Random(seed)
    [supervisor] = pids("adit-supervisor", "ADIT_MARK=" + os.environ["ADIT_MARK"])
    watcher = Netlink()
    works()
    eventually("nothing is left at first", lambda: all_gone(watcher))
    before = descriptors(daemon), descriptors(supervisor)
    for _ in range(int(more)):
        child = os.fork()
        if child == 0:
            again_and_again()
        time.sleep(rng.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert status == signal.SIGKILL, status
    eventually("nothing is left", lambda: all_gone(watcher))
    eventually("the daemon's descriptors are given back", lambda: descriptors(daemon) <= before[0])
    eventually("the supervisor's are", lambda: descriptors(supervisor) <= before[1])
    works()


def hangs_up(fd, millis=30_000):
    """Whether the other side of a socket or file goes in time."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(event & select.POLLHUP for _, event in poll.poll(millis))


def lose_them():
    """Works until somebody is killed, and while somebody is there again."""
    steady = set_up(8)
    held = next(steady)
    assert min(held) >= 0, held
    # The supervisor is behind the first of them, the daemon behind the others.
    lost = held[:1] if killed == "supervisor" else held[2:]
    print("ready", flush=True)
    try:
        again_and_again(lambda: hangs_up(lost[0], 0))
    # What a new socket or a look-up meets, or an old one.
    except (OSError, EOFError) as refused:
        assert not isinstance(refused, TimeoutError), "an answer never came"
    for fd in lost:
        assert hangs_up(fd), f"{held.index(fd)} is still there"
    subprocess.run(["true"], check=True)
    if killed == "daemon":
        eventually("a daemon is there", lambda: os.path.exists(more))
    eventually("somebody answers", answers)
    works()


def answers():
    """Whether there is L2TP to be had."""
    fd = pppox()
    if fd >= 0:
        os.close(fd)
    return fd >= 0


kill_children() if killed == "program" else lose_them()
