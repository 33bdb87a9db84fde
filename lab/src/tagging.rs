use crate::namespace::Namespace;
use crate::sys::{self, Hook, Instruction};
use std::io;
use std::os::fd::OwnedFd;

/// What makes a device one of a VLAN, for as long as this is held.
#[derive(Debug)]
pub struct Tagging {
    _links: [OwnedFd; 2],
}

impl Namespace {
    /// Does with `link` what a device of a VLAN does, for kernels that have none (CONFIG_VLAN_8021Q): all
    /// that it sends bears a tag of IEEE 802.1Q with this content, priority and the VLAN's id, which
    /// the kernel holds beside the frame; and it takes nothing but what bears the same.
    ///
    /// # Errors
    /// EPERM without CAP_BPF, EINVAL before Linux 6.6.
    pub fn tag(&self, link: &str, content: u16) -> io::Result<Tagging> {
        let device = self.link(link)?.index;
        self.run(|| {
            let links = [
                sys::attach(&push(content), Hook::Egress, device)?,
                sys::attach(&pop(content), Hook::Ingress, device)?,
            ];
            Ok(Tagging { _links: links })
        })
    }
}

const SET: u8 = 0xb7;
const LOAD_WORD: u8 = 0x61;
const JUMP_IF_NOT: u8 = 0x55;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// `bpf_skb_vlan_push` and `bpf_skb_vlan_pop`.
const VLAN_PUSH: i32 = 18;
const VLAN_POP: i32 = 19;

/// Where `struct __sk_buff` says that there is a tag, and what is in it.
const VLAN_PRESENT: i16 = 20;
const VLAN_TCI: i16 = 24;

const NEXT: i32 = -1;
const DROP: i32 = 2;

fn push(content: u16) -> Vec<Instruction> {
    let kind = u16::from_ne_bytes([0x81, 0x00]);
    vec![
        instruction(SET, 2, 0, 0, kind.into()),
        instruction(SET, 3, 0, 0, content.into()),
        instruction(CALL, 0, 0, 0, VLAN_PUSH),
        instruction(SET, 0, 0, 0, NEXT),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

fn pop(content: u16) -> Vec<Instruction> {
    vec![
        instruction(LOAD_WORD, 2, 1, VLAN_PRESENT, 0),
        instruction(JUMP_IF_NOT, 2, 0, 2, 0),
        instruction(SET, 0, 0, 0, DROP),
        instruction(EXIT, 0, 0, 0, 0),
        instruction(LOAD_WORD, 2, 1, VLAN_TCI, 0),
        instruction(JUMP_IF_NOT, 2, 0, -4, content.into()),
        instruction(CALL, 0, 0, 0, VLAN_POP),
        instruction(SET, 0, 0, 0, NEXT),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

fn instruction(code: u8, to: u8, from: u8, offset: i16, number: i32) -> Instruction {
    let registers = match cfg!(target_endian = "little") {
        true => from << 4 | to,
        false => to << 4 | from,
    };
    Instruction {
        code,
        registers,
        offset,
        number,
    }
}
