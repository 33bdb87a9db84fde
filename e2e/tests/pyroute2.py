# What a program on pyroute2 does with a tunnel; prints a line a step.
from pyroute2 import L2tp
from pyroute2.netlink.exceptions import NetlinkError

l2tp = L2tp()
l2tp.create_tunnel(
    tunnel_id=2324,
    peer_tunnel_id=2425,
    local="192.0.2.1",
    remote="192.0.2.2",
    udp_sport=32001,
    udp_dport=32000,
)
l2tp.create_session(tunnel_id=2324, session_id=3435, peer_session_id=3536, ifname="py0")
tunnel = l2tp.get_tunnel(tunnel_id=2324)[0]
print("tunnel", tunnel.get("conn_id"), tunnel.get("udp_sport"), tunnel.get("udp_dport"))
session = l2tp.get_session(tunnel_id=2324, session_id=3435)[0]
print("session", session.get("session_id"), session.get("peer_session_id"), session.get("ifname"))
try:
    l2tp.create_session(tunnel_id=2324, session_id=3435, peer_session_id=1)
except NetlinkError as refusal:
    print("again", refusal.code)
l2tp.delete_session(tunnel_id=2324, session_id=3435)
l2tp.delete_tunnel(tunnel_id=2324)
try:
    l2tp.get_tunnel(tunnel_id=2324)
except NetlinkError as refusal:
    print("gone", refusal.code)
l2tp.close()
