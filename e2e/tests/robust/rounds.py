# Sessions set up and torn down, again and again: argv is the daemon's process, rounds, sessions.
daemon, rounds, sessions = map(int, sys.argv[1:4])
# Most are PPP's, which have no device: those take the kernel long to remove.
ethernets = sessions // 40
processes = {"daemon": daemon, "program": os.getpid()}
[processes["supervisor"]] = pids("adit-supervisor", "ADIT_MARK=" + os.environ["ADIT_MARK"])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def measured(what):
    return {name: what(pid) for name, pid in processes.items()}


def grown(what, before):
    """By how much at most."""
    return max(now - before[who] for who, now in measured(what).items())


def in_order(result, what):
    assert result >= 0, f"{what}: {name(result)}"
    return result


def ethernet(netlink):
    in_order(netlink.tunnel(1), "a tunnel")
    for session in range(1, ethernets + 1):
        in_order(netlink.session(1, session), "a session")
    assert netlink.count(SESSION_GET) == ethernets
    in_order(netlink.delete_tunnel(1), "its end")


def ppp():
    """Sessions as pppd has them: each with a socket of its own, of a tunnel on a program's socket,
    some of them in units."""
    carrier, manager = udp(), pppox()
    in_order(connect(manager, address(2, 0, carrier.fileno(), 2)), "management")
    held = [manager]
    for session in range(1, sessions - ethernets + 1):
        one = in_order(pppox(), "a socket")
        held.append(one)
        in_order(connect(one, address(2, session, carrier.fileno(), 2)), "a session")
        if session % 100 == 0:
            channel, unit = in_order(open_ppp(), "/dev/ppp"), in_order(open_ppp(), "/dev/ppp")
            held += [channel, unit]
            in_order(word(channel, PPPIOCATTCHAN, word(one, PPPIOCGCHAN)), "a channel")
            number = in_order(word(unit, PPPIOCNEWUNIT, -1), "a unit")
            in_order(word(channel, PPPIOCCONNECT, number), "a channel in a unit")
    for fd in held:
        os.close(fd)
    carrier.close()


def all_gone(netlink):
    return netlink.count(TUNNEL_GET) == netlink.count(SESSION_GET) == len(devices()) == 0


watcher = Netlink()
open_before, resident_before = None, None
for done in range(rounds):
    netlink = Netlink()
    ethernet(netlink)
    ppp()
    netlink.close()
    eventually("nothing is left", lambda: all_gone(watcher))
    if open_before is None:
        open_before = measured(descriptors)
    eventually("descriptors are given back", lambda: grown(descriptors, open_before) <= 0)
    if done == rounds // 3:
        resident_before = measured(resident)
assert grown(resident, resident_before) < 2 << 20, (resident_before, measured(resident))
