//! ioctl requests of `linux/ppp-ioctl.h`, as they are on 64-bit machines.

pub(super) const GFLAGS: u32 = 0x8004_745a;
pub(super) const SFLAGS: u32 = 0x4004_7459;
pub(super) const GUNIT: u32 = 0x8004_7456;
pub(super) const GMRU: u32 = 0x8004_7453;
pub(super) const SMRU: u32 = 0x4004_7452;
pub(super) const SMAXCID: u32 = 0x4004_7451;
pub(super) const SCOMPRESS: u32 = 0x4010_744d;
pub(super) const GNPMODE: u32 = 0xc008_744c;
pub(super) const SNPMODE: u32 = 0x4008_744b;
pub(super) const SPASS: u32 = 0x4010_7447;
pub(super) const SACTIVE: u32 = 0x4010_7446;
pub(super) const GDEBUG: u32 = 0x8004_7441;
pub(super) const SDEBUG: u32 = 0x4004_7440;
pub(super) const GIDLE32: u32 = 0x8008_743f;
pub(super) const GIDLE64: u32 = 0x8010_743f;
pub(super) const NEWUNIT: u32 = 0xc004_743e;
pub(super) const ATTACH: u32 = 0x4004_743d;
pub(super) const DETACH: u32 = 0x4004_743c;
pub(super) const SMRRU: u32 = 0x4004_743b;
pub(super) const CONNECT: u32 = 0x4004_743a;
pub(super) const DISCONN: u32 = 0x7439;
pub(super) const ATTCHAN: u32 = 0x4004_7438;
pub(super) const GCHAN: u32 = 0x8004_7437;
pub(super) const GL2TPSTATS: u32 = 0x8048_7436;
pub(super) const BRIDGECHAN: u32 = 0x4004_7435;
pub(super) const UNBRIDGECHAN: u32 = 0x7434;

/// Of `linux/if_ppp.h`, asked of any socket about a network device.
pub(super) const SIOCGPPPSTATS: u32 = 0x89f0;
pub(super) const SIOCGPPPVER: u32 = 0x89f1;
pub(super) const SIOCGPPPCSTATS: u32 = 0x89f2;
