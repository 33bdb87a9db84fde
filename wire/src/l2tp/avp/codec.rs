//! The forms of values: each reads octets and writes them, and refuses the same both ways.

use super::value::*;
use super::{CauseDirection, DisconnectCause, ErrorCode, Fault, Reason};
use crate::l2tp::{Cookie, SessionId, TunnelId};
use alloc::vec::Vec;

type Written = Result<(), Fault>;

/// A value of exactly `N` octets.
fn exact<const N: usize>(octets: &[u8]) -> Result<[u8; N], Fault> {
    octets.try_into().map_err(|_| Fault::Length)
}

/// The first `N` octets of a value, and the others.
fn head<const N: usize>(octets: &[u8]) -> Result<([u8; N], &[u8]), Fault> {
    let (head, rest) = octets.split_first_chunk().ok_or(Fault::Length)?;
    Ok((*head, rest))
}

fn put(out: &mut Vec<u8>, octets: &[u8]) -> Written {
    out.extend_from_slice(octets);
    Ok(())
}

/// Demands that an id, a number wider than its field or 0, be what its field can hold.
fn id16(id: u32) -> Result<u16, Fault> {
    match u16::try_from(id) {
        Ok(id) if id != 0 => Ok(id),
        Ok(_) | Err(_) => Err(Fault::Range),
    }
}

fn nonzero(id: u32) -> Result<u32, Fault> {
    if id == 0 { Err(Fault::Range) } else { Ok(id) }
}

macro_rules! codec {
    ($(#[$doc:meta])* $name:ident: $value:ty, |$octets:ident| $read:expr, |$v:ident, $out:ident| $write:expr) => {
        $(#[$doc])*
        pub(super) mod $name {
            use super::*;

            pub(in super::super) fn read($octets: &[u8]) -> Result<$value, Fault> {
                $read
            }

            pub(in super::super) fn write($v: $value, $out: &mut Vec<u8>) -> Written {
                $write
            }
        }
    };
}

macro_rules! integer {
    ($name:ident: $value:ty) => {
        codec!($name: $value,
            |octets| exact(octets).map(<$value>::from_be_bytes),
            |value, out| put(out, &value.to_be_bytes()));
    };
}

macro_rules! wrapped {
    ($name:ident: $value:ident($inner:ty)) => {
        codec!($name: $value,
            |octets| exact(octets).map(<$inner>::from_be_bytes).map($value),
            |value, out| put(out, &value.0.to_be_bytes()));
    };
}

macro_rules! array {
    ($name:ident: $length:literal) => {
        codec!($name: [u8; $length], |octets| exact(octets), |value, out| put(out, &value));
    };
}

integer!(half: u16);
integer!(word: u32);
integer!(long: u64);
wrapped!(framings: Framings(u32));
wrapped!(bearers: Bearers(u32));
wrapped!(authen: AuthenType(u16));
wrapped!(pw_type: PwType(u16));
wrapped!(sublayer: SublayerType(u16));
wrapped!(circuit: CircuitStatus(u16));
wrapped!(session_or_zero: SessionId(u32));
array!(octets8: 8);
array!(octets16: 16);
array!(octets20: 20);

codec!(nothing: (),
    |octets| exact::<0>(octets).map(|_| ()),
    |_value, _out| Ok(()));

codec!(any: &[u8], |octets| Ok(octets), |value, out| put(out, value));

codec!(
    /// At least one octet.
    some: &[u8],
    |octets| if octets.is_empty() { Err(Fault::Length) } else { Ok(octets) },
    |value, out| put(out, read(value)?));

codec!(tunnel16: TunnelId,
    |octets| id16(u16::from_be_bytes(exact(octets)?).into()).map(|id| TunnelId(id.into())),
    |value, out| put(out, &id16(value.0)?.to_be_bytes()));

codec!(session16: SessionId,
    |octets| id16(u16::from_be_bytes(exact(octets)?).into()).map(|id| SessionId(id.into())),
    |value, out| put(out, &id16(value.0)?.to_be_bytes()));

codec!(tunnel32: TunnelId,
    |octets| nonzero(u32::from_be_bytes(exact(octets)?)).map(TunnelId),
    |value, out| put(out, &nonzero(value.0)?.to_be_bytes()));

codec!(session32: SessionId,
    |octets| nonzero(u32::from_be_bytes(exact(octets)?)).map(SessionId),
    |value, out| put(out, &nonzero(value.0)?.to_be_bytes()));

codec!(
    /// One octet behind one that must be 0.
    octet_in_half: u8,
    |octets| u8::try_from(u16::from_be_bytes(exact(octets)?)).map_err(|_| Fault::Range),
    |value, out| put(out, &[0, value]));

codec!(version: ProtocolVersion,
    |octets| exact(octets).map(|[version, revision]| ProtocolVersion { version, revision }),
    |value, out| put(out, &[value.version, value.revision]));

codec!(
/// Result, then perhaps error, then perhaps text.
reason: Reason<'_>,
|octets| {
    let (code, rest) = head(octets)?;
    let code = u16::from_be_bytes(code);
    if rest.is_empty() {
        return Ok(Reason { code, error: None, message: rest });
    }
    let (error, message) = head(rest)?;
    let error = Some(ErrorCode(u16::from_be_bytes(error)));
    Ok(Reason { code, error, message })
},
|value, out| {
    put(out, &value.code.to_be_bytes())?;
    match value.error {
        Some(error) => {
            put(out, &error.0.to_be_bytes())?;
            put(out, value.message)
        }
        None if value.message.is_empty() => Ok(()),
        None => Err(Fault::Range),
    }
});

codec!(q931: Q931Cause<'_>,
|octets| {
    let ([a, b, message], advisory) = head(octets)?;
    Ok(Q931Cause { code: u16::from_be_bytes([a, b]), message, advisory })
},
|value, out| {
    put(out, &value.code.to_be_bytes())?;
    put(out, &[value.message])?;
    put(out, value.advisory)
});

codec!(cause: DisconnectCause<'_>,
|octets| {
    let ([a, b, c, d, direction], message) = head(octets)?;
    Ok(DisconnectCause {
        code: u16::from_be_bytes([a, b]),
        protocol: u16::from_be_bytes([c, d]),
        direction: CauseDirection(direction),
        message,
    })
},
|value, out| {
    put(out, &value.code.to_be_bytes())?;
    put(out, &value.protocol.to_be_bytes())?;
    put(out, &[value.direction.0])?;
    put(out, value.message)
});

codec!(
/// Two reserved octets, then six counts.
call_errors: CallErrors,
|octets| {
    let octets: [u8; 26] = exact(octets)?;
    let (counts, _) = octets[2..].as_chunks();
    let &[crc, framing, hardware_overruns, buffer_overruns, timeouts, alignment] = counts else {
        return Err(Fault::Length);
    };
    Ok(CallErrors {
        crc: u32::from_be_bytes(crc),
        framing: u32::from_be_bytes(framing),
        hardware_overruns: u32::from_be_bytes(hardware_overruns),
        buffer_overruns: u32::from_be_bytes(buffer_overruns),
        timeouts: u32::from_be_bytes(timeouts),
        alignment: u32::from_be_bytes(alignment),
    })
},
|value, out| {
    put(out, &[0; 2])?;
    [
        value.crc,
        value.framing,
        value.hardware_overruns,
        value.buffer_overruns,
        value.timeouts,
        value.alignment,
    ]
    .into_iter()
    .try_for_each(|count| put(out, &count.to_be_bytes()))
});

codec!(
/// Two reserved octets, then two masks.
accm: Accm,
|octets| {
    let [_, _, send @ .., a, b, c, d]: [u8; 10] = exact(octets)?;
    let [e, f, g, h] = send;
    Ok(Accm {
        send: u32::from_be_bytes([e, f, g, h]),
        receive: u32::from_be_bytes([a, b, c, d]),
    })
},
|value, out| {
    put(out, &[0; 2])?;
    put(out, &value.send.to_be_bytes())?;
    put(out, &value.receive.to_be_bytes())
});

codec!(vendor: VendorValue<'_>,
|octets| {
    let (vendor, rest) = head(octets)?;
    let (attribute, value) = head(rest)?;
    Ok(VendorValue {
        vendor: u32::from_be_bytes(vendor),
        attribute: u16::from_be_bytes(attribute),
        value,
    })
},
|value, out| {
    put(out, &value.vendor.to_be_bytes())?;
    put(out, &value.attribute.to_be_bytes())?;
    put(out, value.value)
});

codec!(
/// The type, then 16 or 20 octets. RFC 3931 §5.4.1 numbers the types from 0 in one place and
/// from 1 in another; the length tells them apart, and what is written counts from 0.
digest: MessageDigest<'_>,
|octets| {
    let ([number], octets) = head(octets)?;
    let kind = match octets.len() {
        16 => DigestType::HmacMd5,
        20 => DigestType::HmacSha1,
        _ => return Err(Fault::Length),
    };
    match number.checked_sub(kind.number()) {
        Some(0 | 1) => Ok(MessageDigest { kind, octets }),
        _ => Err(Fault::Range),
    }
},
|value, out| {
    if value.octets.len() != value.kind.octets() {
        return Err(Fault::Length);
    }
    put(out, &[value.kind.number()])?;
    put(out, value.octets)
});

codec!(
/// At least one type.
pw_types: PwTypes<'_>,
|octets| match octets.as_chunks() {
    (pairs @ [_, ..], []) => Ok(PwTypes(pairs)),
    _ => Err(Fault::Length),
},
|value, out| {
    if value.0.is_empty() {
        return Err(Fault::Length);
    }
    put(out, value.0.as_flattened())
});

codec!(
    /// 0, 4 or 8 octets, of the 0 to 8 that the type holds.
    cookie: Cookie,
    |octets| match octets.len() {
        0 | 4 | 8 => Cookie::new(octets).map_err(|_| Fault::Length),
        _ => Err(Fault::Length),
    },
    |value, out| put(out, read(value.as_slice())?.as_slice()));

codec!(sequencing: DataSequencing,
|octets| match u16::from_be_bytes(exact(octets)?) {
    0 => Ok(DataSequencing::None),
    1 => Ok(DataSequencing::NonIp),
    2 => Ok(DataSequencing::All),
    _ => Err(Fault::Range),
},
|value, out| {
    let level: u16 = match value {
        DataSequencing::None => 0,
        DataSequencing::NonIp => 1,
        DataSequencing::All => 2,
    };
    put(out, &level.to_be_bytes())
});
