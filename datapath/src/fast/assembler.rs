//! Instructions of the kernel's virtual machine, written one by one (RFC 9669).

use std::collections::BTreeMap;

/// A register. The first holds results, the next five arguments, which calls destroy; the last
/// points at the end of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reg {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R4 = 4,
    R5 = 5,
    R6 = 6,
    R7 = 7,
    R8 = 8,
    R9 = 9,
    Stack = 10,
}

/// How many octets a load or a store moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Size {
    Word = 0x00,
    Half = 0x08,
    Octet = 0x10,
    Double = 0x18,
}

/// An operation on 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    Div = 0x30,
    And = 0x50,
    Shl = 0x60,
    Shr = 0x70,
    Xor = 0xa0,
    Mov = 0xb0,
}

/// A comparison without signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum If {
    Equal = 0x10,
    Greater = 0x20,
    Less = 0xa0,
    NotEqual = 0x50,
}

/// What stands on the right of an operation or a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Reg(Reg),
    Number(i32),
}

impl From<Reg> for Value {
    fn from(reg: Reg) -> Value {
        Value::Reg(reg)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value::Number(number)
    }
}

/// A place in a program that may be jumped to, forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label(usize);

/// A function of the kernel's, by its number in `linux/bpf.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Helper {
    MapLookup = 1,
    KtimeGetNs = 5,
    RandomWord = 7,
    SkbStoreBytes = 9,
    SkbVlanPush = 18,
    SkbVlanPop = 19,
    Redirect = 23,
    SkbLoadBytes = 26,
    SkbChangeType = 32,
    XdpAdjustHead = 44,
    SkbAdjustRoom = 50,
    XdpAdjustMeta = 54,
    RedirectNeighbour = 152,
}

/// A program, as `bpf(2)` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) code: Vec<Instruction>,
}

/// Operation, registers, 16 bits of offset and 32 of a number, as this machine orders octets.
pub(crate) type Instruction = [u8; 8];

/// A program that is being written.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    code: Vec<Instruction>,
    labels: usize,
    places: BTreeMap<Label, usize>,
    /// Jumps, and where to.
    jumps: Vec<(usize, Label)>,
}

const LOAD_64: u8 = 0x18;
const LOAD: u8 = 0x61;
const STORE_NUMBER: u8 = 0x62;
const STORE: u8 = 0x63;
const ATOMIC: u8 = 0xc3;
const ALU_64: u8 = 0x07;
const JUMP: u8 = 0x05;
const TO_BIG_ENDIAN: u8 = 0xdc;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// In the code of an operation or a comparison: its right side is a register.
const BY_REG: u8 = 0x08;

/// Kinds of a 64-bit load, in the place of its source register.
const MAP: u8 = 1;
const MAP_VALUE: u8 = 2;

impl Assembler {
    /// `to op= value`.
    pub(crate) fn op(&mut self, op: Op, to: Reg, value: impl Into<Value>) {
        match value.into() {
            Value::Reg(from) => self.put(ALU_64 | op as u8 | BY_REG, to as u8, from as u8, 0, 0),
            Value::Number(number) => self.put(ALU_64 | op as u8, to as u8, 0, 0, number),
        }
    }

    /// `to = value`.
    pub(crate) fn set(&mut self, to: Reg, value: impl Into<Value>) {
        self.op(Op::Mov, to, value);
    }

    /// `to = number`, of 64 bits.
    pub(crate) fn set_double(&mut self, to: Reg, number: u64) {
        self.load_double(to, 0, number as u32, (number >> 32) as u32);
    }

    /// `to` = the map behind a descriptor.
    pub(crate) fn set_map(&mut self, to: Reg, map: i32) {
        self.load_double(to, MAP, map as u32, 0);
    }

    /// `to` = the address of the first value of an array map.
    pub(crate) fn set_map_value(&mut self, to: Reg, map: i32) {
        self.load_double(to, MAP_VALUE, map as u32, 0);
    }

    /// `to` = what stands at `from + offset`, without a sign.
    pub(crate) fn load(&mut self, size: Size, to: Reg, from: Reg, offset: i16) {
        self.put(LOAD | size as u8, to as u8, from as u8, offset, 0);
    }

    /// Stores `value` at `to + offset`.
    pub(crate) fn store(&mut self, size: Size, to: Reg, offset: i16, value: impl Into<Value>) {
        match value.into() {
            Value::Reg(from) => self.put(STORE | size as u8, to as u8, from as u8, offset, 0),
            Value::Number(number) => {
                self.put(STORE_NUMBER | size as u8, to as u8, 0, offset, number);
            }
        }
    }

    /// Adds `from` to the 64 bits at `to + offset`, as one step for all processors.
    pub(crate) fn add_atomically(&mut self, to: Reg, offset: i16, from: Reg) {
        let code = ATOMIC | Size::Double as u8;
        self.put(code, to as u8, from as u8, offset, Op::Add as i32);
    }

    /// Turns the lowest 16 bits into network order, and clears the others.
    pub(crate) fn swap_half(&mut self, reg: Reg) {
        self.put(TO_BIG_ENDIAN, reg as u8, 0, 0, 16);
        // Says nothing new to a processor, but to a verifier that follows no bounds through a swap,
        // as that of Linux 6.12.
        self.op(Op::And, reg, 0xffff);
    }

    /// A place of a later [`Assembler::here`].
    pub(crate) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels)
    }

    /// What `label` means.
    pub(crate) fn here(&mut self, label: Label) {
        self.places.insert(label, self.code.len());
    }

    /// Goes on at `label`.
    pub(crate) fn jump(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.put(JUMP, 0, 0, 0, 0);
    }

    /// Goes on at `label` when the comparison holds.
    pub(crate) fn jump_if(&mut self, left: Reg, is: If, right: impl Into<Value>, label: Label) {
        self.jumps.push((self.code.len(), label));
        match right.into() {
            Value::Reg(right) => self.put(JUMP | is as u8 | BY_REG, left as u8, right as u8, 0, 0),
            Value::Number(right) => self.put(JUMP | is as u8, left as u8, 0, 0, right),
        }
    }

    /// Calls a function of the kernel's.
    pub(crate) fn call(&mut self, helper: Helper) {
        self.put(CALL, 0, 0, 0, helper as i32);
    }

    /// Ends with what the first register holds.
    pub(crate) fn exit(&mut self) {
        self.put(EXIT, 0, 0, 0, 0);
    }

    /// Ends with `verdict`.
    pub(crate) fn exit_with(&mut self, verdict: i32) {
        self.set(Reg::R0, verdict);
        self.exit();
    }

    /// The program. A jump to a label that is nowhere leads to itself, which the kernel refuses.
    pub(crate) fn finish(mut self) -> Program {
        for (at, label) in self.jumps {
            let to = self.places.get(&label).copied().unwrap_or(at);
            let distance = to as i64 - at as i64 - 1;
            self.code[at][2..4].copy_from_slice(&(distance as i16).to_ne_bytes());
        }
        Program { code: self.code }
    }

    fn load_double(&mut self, to: Reg, kind: u8, low: u32, high: u32) {
        self.put(LOAD_64, to as u8, kind, 0, low as i32);
        self.put(0, 0, 0, 0, high as i32);
    }

    fn put(&mut self, code: u8, to: u8, from: u8, offset: i16, number: i32) {
        let registers = match cfg!(target_endian = "little") {
            true => from << 4 | to,
            false => to << 4 | from,
        };
        let mut octets = [code, registers, 0, 0, 0, 0, 0, 0];
        octets[2..4].copy_from_slice(&offset.to_ne_bytes());
        octets[4..].copy_from_slice(&number.to_ne_bytes());
        self.code.push(octets);
    }
}
