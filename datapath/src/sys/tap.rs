use super::{check, steer};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// What the frames of a device start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Ethernet's header.
    Ethernet,
    /// That of IPv4 or IPv6.
    Ip,
}

/// Frames of which a device takes and gives several as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Joins {
    /// None: each comes for itself, with its checksum complete.
    Nothing,
    /// TCP's.
    Tcp,
    /// UDP's too (Linux 6.2).
    TcpAndUdp,
}

impl Joins {
    /// All there are, the best first.
    const ALL: [Joins; 3] = [Joins::TcpAndUdp, Joins::Tcp, Joins::Nothing];

    fn offloads(self) -> libc::c_uint {
        match self {
            Joins::Nothing => 0,
            Joins::Tcp => TCP_OFFLOADS,
            Joins::TcpAndUdp => TCP_OFFLOADS | libc::TUN_F_USO4 | libc::TUN_F_USO6,
        }
    }
}

/// What every kernel can that has super-frames at all.
const TCP_OFFLOADS: libc::c_uint =
    libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;

/// The system makes room for many queues then, which takes some MiB.
const MULTI_QUEUE: libc::c_int = libc::IFF_MULTI_QUEUE;

/// One open TAP or TUN device, which goes with the process unless [`Tap::keep`] was called.
#[derive(Debug)]
pub(crate) struct Tap {
    /// The first queue, by which everything is asked and written.
    file: File,
    /// Those beyond the first.
    others: Vec<File>,
    layer: Layer,
    joins: Joins,
}

impl Tap {
    /// Makes a device of this name, with so many queues where the system has that. EBUSY when the
    /// name is taken.
    pub(crate) fn create(name: &str, queues: usize) -> io::Result<Tap> {
        if queues > 1
            && let Ok(tap) = Tap::open(name, Layer::Ethernet, libc::IFF_TUN_EXCL | MULTI_QUEUE)
        {
            return Ok(tap.widened(queues));
        }
        Tap::open(name, Layer::Ethernet, libc::IFF_TUN_EXCL)
    }

    /// Makes a device for bare packets, whose link type is PPP's. EBUSY when the name is taken.
    pub(crate) fn create_ppp(name: &str) -> io::Result<Tap> {
        let tun = Tap::open(name, Layer::Ip, libc::IFF_TUN_EXCL)?;
        let link_type = libc::c_ulong::from(libc::ARPHRD_PPP);
        // SAFETY: TUNSETLINK takes its argument by value.
        check(unsafe { libc::ioctl(tun.file.as_raw_fd(), libc::TUNSETLINK, link_type) })?;
        Ok(tun)
    }

    /// Takes over a device that an earlier process left behind, with so many queues where it was
    /// made for several.
    pub(crate) fn adopt(name: &str, queues: usize) -> io::Result<Tap> {
        match Tap::open(name, Layer::Ethernet, 0) {
            // The system says so of one that has room for several.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
                Ok(Tap::open(name, Layer::Ethernet, MULTI_QUEUE)?.widened(queues))
            }
            opened => opened,
        }
    }

    /// This with so many queues, or with as many as can be had. Frames of one flow leave by one.
    fn widened(mut self, queues: usize) -> Tap {
        if queues < 2 {
            return self;
        }
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | MULTI_QUEUE;
        let more = || -> io::Result<Vec<File>> {
            steer::by_flow(self.as_fd())?;
            let name = self.name()?;
            (1..queues).map(|_| attach(&name, flags)).collect()
        };
        self.others = more().unwrap_or_default();
        self
    }

    fn open(name: &str, layer: Layer, flags: libc::c_int) -> io::Result<Tap> {
        let kind = match layer {
            Layer::Ethernet => libc::IFF_TAP,
            Layer::Ip => libc::IFF_TUN,
        };
        let flags = kind | libc::IFF_NO_PI | libc::IFF_VNET_HDR | flags;
        let mut tap = Tap {
            file: attach(name, flags)?,
            others: Vec::new(),
            layer,
            joins: Joins::Nothing,
        };
        tap.joins = tap.offer()?;
        Ok(tap)
    }

    /// How many queues there are.
    pub(crate) fn queues(&self) -> usize {
        1 + self.others.len()
    }

    /// A queue, to wait for.
    pub(crate) fn queue(&self, number: usize) -> BorrowedFd<'_> {
        self.file_of(number).as_fd()
    }

    /// The file of a queue, or of the first one where there is none of that number.
    fn file_of(&self, number: usize) -> &File {
        let other = number.checked_sub(1).and_then(|at| self.others.get(at));
        other.unwrap_or(&self.file)
    }

    /// Frames of which it takes and gives several as one.
    pub(crate) fn joins(&self) -> Joins {
        self.joins
    }

    /// Has it join these at most.
    pub(crate) fn restrict(&mut self, most: Joins) -> io::Result<()> {
        if self.joins > most {
            self.ask(most)?;
            self.joins = most;
        }
        Ok(())
    }

    /// What its frames start with.
    pub(crate) fn layer(&self) -> Layer {
        self.layer
    }

    /// The device's name now.
    pub(crate) fn name(&self) -> io::Result<String> {
        let mut request = interface_request("")?;
        // SAFETY: TUNGETIFF writes one ifreq, which `request` is.
        check(unsafe { libc::ioctl(self.file.as_raw_fd(), libc::TUNGETIFF, &raw mut request) })?;
        let octets = request
            .ifr_name
            .iter()
            .map(|c| *c as u8)
            .take_while(|c| *c != 0);
        Ok(String::from_utf8_lossy(&octets.collect::<Vec<_>>()).into_owned())
    }

    /// Lets the device outlive the process, so that addresses and bridge ports survive a crash.
    pub(crate) fn keep(&self) -> io::Result<()> {
        self.set_persistent(true)
    }

    /// Lets the device go away with this descriptor.
    pub(crate) fn forget(&self) -> io::Result<()> {
        self.set_persistent(false)
    }

    fn set_persistent(&self, on: bool) -> io::Result<()> {
        let on = libc::c_ulong::from(on);
        // SAFETY: TUNSETPERSIST takes its argument by value.
        check(unsafe { libc::ioctl(self.file.as_raw_fd(), libc::TUNSETPERSIST, on) })?;
        Ok(())
    }

    /// Says whether the far end of the device takes frames (Linux 5.0).
    pub(crate) fn set_carrier(&self, on: bool) -> io::Result<()> {
        const TUNSETCARRIER: libc::Ioctl = 0x4004_54e2;
        let on = libc::c_int::from(on);
        // SAFETY: TUNSETCARRIER reads one int, which `on` is.
        check(unsafe { libc::ioctl(self.file.as_raw_fd(), TUNSETCARRIER, &raw const on) })?;
        Ok(())
    }

    /// The network namespace that the device is in now.
    pub(crate) fn namespace(&self) -> io::Result<OwnedFd> {
        const TUNGETDEVNETNS: libc::Ioctl = 0x54e3;
        // SAFETY: the request takes no argument and gives a descriptor that nobody else owns.
        let fd = check(unsafe { libc::ioctl(self.file.as_raw_fd(), TUNGETDEVNETNS) })?;
        // SAFETY: as above, `fd` is open and ours.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Asks the kernel for super-frames, and gives which it has.
    fn offer(&self) -> io::Result<Joins> {
        let mut refusal = None;
        for joins in Joins::ALL {
            match self.ask(joins) {
                Ok(()) => return Ok(joins),
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.unwrap_or_else(|| io::ErrorKind::Unsupported.into()))
    }

    fn ask(&self, joins: Joins) -> io::Result<()> {
        let offloads = libc::c_ulong::from(joins.offloads());
        // SAFETY: TUNSETOFFLOAD takes its argument by value.
        check(unsafe { libc::ioctl(self.file.as_raw_fd(), libc::TUNSETOFFLOAD, offloads) })?;
        Ok(())
    }

    /// Reads a virtio header and one frame of a queue into the two buffers and gives the octets of
    /// both; WouldBlock when there is none.
    pub(crate) fn read(
        &self,
        queue: usize,
        header: &mut [u8],
        frame: &mut [u8],
    ) -> io::Result<usize> {
        let pieces = &mut [IoSliceMut::new(header), IoSliceMut::new(frame)];
        self.file_of(queue).read_vectored(pieces)
    }

    /// Writes a virtio header and one frame, in pieces.
    pub(crate) fn write(&self, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        (&self.file).write_vectored(pieces).map(drop)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Opens a device of this name, or another queue of it.
fn attach(name: &str, flags: libc::c_int) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")?;
    let mut request = interface_request(name)?;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which `request` is.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })?;
    Ok(file)
}

pub(super) fn interface_request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: an ifreq is plain integers, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    if name.len() > room || name.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}
