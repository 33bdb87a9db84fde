use adit_wire::ip::{Checksum, ethernet_payload, ipv4_payload, ipv6_payload, udp_ports};

/// Every view of a packet: its payload is a part of the packet, where the header says. The
/// checksum does not depend on where the packet is cut in two.
pub fn ip_views(data: &[u8]) {
    if let Some((view, payload)) = ethernet_payload(data) {
        assert_eq!(payload, &data[view.header_len..]);
    }
    if let Some((view, payload)) = ipv4_payload(data) {
        assert_eq!(payload, &data[view.header_len..view.total_len]);
    }
    if let Some((view, payload)) = ipv6_payload(data) {
        assert_eq!(payload, &data[view.header_len..view.total_len]);
    }
    assert_eq!(udp_ports(data).is_some(), data.len() >= 8);

    let cut = data.first().map_or(0, |octet| usize::from(*octet));
    let (front, back) = data.split_at(cut.min(data.len()));
    assert_eq!(checksum(&[front, back]), checksum(&[data]));
}

fn checksum(slices: &[&[u8]]) -> u16 {
    let mut sum = Checksum::new();
    slices.iter().for_each(|slice| sum.add(slice));
    sum.finish()
}
