//! Classic BPF, the language of PPP's pass and active filters: a program is checked once and then
//! run for each packet.

/// Most instructions of a program, as in the kernel.
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Words of scratch memory.
const MEMORY: usize = 16;

/// One instruction, laid out and numbered as Linux's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Class, size, mode or operation.
    pub code: u16,
    /// Instructions to skip when a test is true.
    pub jump_true: u8,
    /// Instructions to skip when it is false.
    pub jump_false: u8,
    /// The operand.
    pub k: u32,
}

/// A program that was checked: it ends, and touches no memory but its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    program: Box<[Operation]>,
}

/// The program is not one: it does not end with a return, jumps beyond its end, divides by
/// nothing, or has an instruction that there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsound;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    LoadImmediate(Register, u32),
    LoadLength(Register),
    LoadMemory(Register, usize),
    /// Into A, from the packet; `indexed` adds X to the place.
    LoadPacket {
        octets: usize,
        at: u32,
        indexed: bool,
    },
    /// Into X, four times the low half of an octet: the length of an IPv4 header.
    LoadHeaderLength(u32),
    Store(Register, usize),
    Compute(Arithmetic, Operand),
    Negate,
    Jump(u32),
    Branch(Test, Operand, u8, u8),
    Return(Operand),
    ReturnA,
    AToX,
    XToA,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Register {
    A,
    X,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    Constant(u32),
    X,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Or,
    And,
    ShiftLeft,
    ShiftRight,
    Modulo,
    ExclusiveOr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

impl Filter {
    /// Checks a program.
    pub fn new(program: &[Instruction]) -> Result<Filter, Unsound> {
        if program.len() > MAX_INSTRUCTIONS {
            return Err(Unsound);
        }
        let decode = |(at, one): (usize, &Instruction)| {
            let operation = decode(one)?;
            operation
                .stays_before(program.len() - at)
                .then_some(operation)
        };
        let program: Option<Box<[_]>> = program.iter().enumerate().map(decode).collect();
        let program = program.ok_or(Unsound)?;
        // No instruction but a return may be the last, so one there is ends it.
        match program.is_empty() {
            true => Err(Unsound),
            false => Ok(Filter { program }),
        }
    }

    /// Runs the program on a packet, given in pieces: what it returns, of which 0 means "no".
    /// A load from beyond the packet ends it with 0.
    pub fn run(&self, packet: &[&[u8]]) -> u32 {
        let machine = Machine {
            a: 0,
            x: 0,
            memory: [0; MEMORY],
            packet,
        };
        machine.run(&self.program).unwrap_or(0)
    }
}

impl Operation {
    /// Whether whatever comes after it is in a program that has `left` instructions from this one
    /// on.
    fn stays_before(self, left: usize) -> bool {
        self.furthest().is_none_or(|skip| skip + 1 < left)
    }

    /// How many instructions it may skip; none when nothing comes after it.
    fn furthest(self) -> Option<usize> {
        match self {
            Operation::Return(_) | Operation::ReturnA => None,
            Operation::Jump(skip) => Some(skip as usize),
            Operation::Branch(_, _, yes, no) => Some(yes.max(no).into()),
            Operation::LoadImmediate(..)
            | Operation::LoadLength(_)
            | Operation::LoadMemory(..)
            | Operation::LoadPacket { .. }
            | Operation::LoadHeaderLength(_)
            | Operation::Store(..)
            | Operation::Compute(..)
            | Operation::Negate
            | Operation::AToX
            | Operation::XToA => Some(0),
        }
    }
}

/// The parts of an instruction's code.
mod code {
    pub(super) const CLASS: u16 = 0x07;
    pub(super) const SOURCE_X: u16 = 0x08;
    pub(super) const LD: u16 = 0x00;
    pub(super) const LDX: u16 = 0x01;
    pub(super) const ST: u16 = 0x02;
    pub(super) const STX: u16 = 0x03;
    pub(super) const ALU: u16 = 0x04;
    pub(super) const JMP: u16 = 0x05;
    pub(super) const RET: u16 = 0x06;
    pub(super) const MISC: u16 = 0x07;
}

fn decode(one: &Instruction) -> Option<Operation> {
    let memory = || usize::try_from(one.k).ok().filter(|word| *word < MEMORY);
    let operand = match one.code & code::SOURCE_X {
        0 => Operand::Constant(one.k),
        _ => Operand::X,
    };
    match one.code & code::CLASS {
        code::LD | code::LDX => decode_load(one),
        code::ST if one.code == code::ST => Some(Operation::Store(Register::A, memory()?)),
        code::STX if one.code == code::STX => Some(Operation::Store(Register::X, memory()?)),
        code::ALU if one.code == code::ALU | 0x80 => Some(Operation::Negate),
        code::ALU => Some(Operation::Compute(arithmetic(one, operand)?, operand)),
        code::JMP if one.code == code::JMP => Some(Operation::Jump(one.k)),
        code::JMP => {
            let (yes, no) = (one.jump_true, one.jump_false);
            Some(Operation::Branch(test(one.code)?, operand, yes, no))
        }
        code::RET => match one.code - code::RET {
            0x00 => Some(Operation::Return(Operand::Constant(one.k))),
            0x08 => Some(Operation::Return(Operand::X)),
            0x10 => Some(Operation::ReturnA),
            _ => None,
        },
        _ => match one.code - code::MISC {
            0x00 => Some(Operation::AToX),
            0x80 => Some(Operation::XToA),
            _ => None,
        },
    }
}

fn decode_load(one: &Instruction) -> Option<Operation> {
    let register = match one.code & code::CLASS {
        code::LD => Register::A,
        _ => Register::X,
    };
    let octets = match one.code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => return None,
    };
    match (one.code & 0xe0, register, octets) {
        (0x00, _, 4) => Some(Operation::LoadImmediate(register, one.k)),
        (0x60, _, 4) => {
            let word = usize::try_from(one.k).ok().filter(|word| *word < MEMORY)?;
            Some(Operation::LoadMemory(register, word))
        }
        (0x80, _, 4) => Some(Operation::LoadLength(register)),
        (0xa0, Register::X, 1) => Some(Operation::LoadHeaderLength(one.k)),
        (mode @ (0x20 | 0x40), Register::A, _) => Some(Operation::LoadPacket {
            octets,
            at: one.k,
            indexed: mode == 0x40,
        }),
        _ => None,
    }
}

/// The operation, unless it would divide by nothing or shift by more bits than there are.
fn arithmetic(one: &Instruction, operand: Operand) -> Option<Arithmetic> {
    let constant = match operand {
        Operand::Constant(k) => Some(k),
        Operand::X => None,
    };
    let operation = match one.code & 0xf0 {
        0x00 => Arithmetic::Add,
        0x10 => Arithmetic::Subtract,
        0x20 => Arithmetic::Multiply,
        0x30 => Arithmetic::Divide,
        0x40 => Arithmetic::Or,
        0x50 => Arithmetic::And,
        0x60 => Arithmetic::ShiftLeft,
        0x70 => Arithmetic::ShiftRight,
        0x90 => Arithmetic::Modulo,
        0xa0 => Arithmetic::ExclusiveOr,
        _ => return None,
    };
    let divides = matches!(operation, Arithmetic::Divide | Arithmetic::Modulo);
    let shifts = matches!(operation, Arithmetic::ShiftLeft | Arithmetic::ShiftRight);
    let known = one.code & !0xff == 0;
    let sound = !(divides && constant == Some(0) || shifts && constant.is_some_and(|k| k >= 32));
    (known && sound).then_some(operation)
}

fn test(code: u16) -> Option<Test> {
    match code & 0xfff0 {
        0x10 => Some(Test::Equal),
        0x20 => Some(Test::Greater),
        0x30 => Some(Test::GreaterOrEqual),
        0x40 => Some(Test::AnyBit),
        _ => None,
    }
}

/// What comes after an instruction.
enum Step {
    /// So many are skipped.
    On(usize),
    /// The program ends with this value.
    End(u32),
}

struct Machine<'p> {
    a: u32,
    x: u32,
    memory: [u32; MEMORY],
    packet: &'p [&'p [u8]],
}

impl Machine<'_> {
    /// `None` when a load or a division cannot be done.
    fn run(mut self, program: &[Operation]) -> Option<u32> {
        let mut next = 0;
        loop {
            match self.step(*program.get(next)?)? {
                Step::On(skip) => next += 1 + skip,
                Step::End(value) => return Some(value),
            }
        }
    }

    fn step(&mut self, operation: Operation) -> Option<Step> {
        match operation {
            Operation::Return(operand) => return Some(Step::End(self.value(operand))),
            Operation::ReturnA => return Some(Step::End(self.a)),
            Operation::Jump(skip) => return Some(Step::On(skip as usize)),
            Operation::Branch(test, operand, yes, no) => {
                let skip = if self.test(test, operand) { yes } else { no };
                return Some(Step::On(skip.into()));
            }
            Operation::LoadImmediate(to, value) => self.set(to, value),
            Operation::LoadLength(to) => {
                let len: usize = self.packet.iter().map(|piece| piece.len()).sum();
                self.set(to, len as u32);
            }
            Operation::LoadMemory(to, word) => self.set(to, self.memory[word]),
            Operation::LoadPacket {
                octets,
                at,
                indexed,
            } => {
                let at = if indexed { at.wrapping_add(self.x) } else { at };
                self.a = self.load(at, octets)?;
            }
            Operation::LoadHeaderLength(at) => self.x = (self.load(at, 1)? & 0x0f) * 4,
            Operation::Store(from, word) => self.memory[word] = self.get(from),
            Operation::Compute(operation, operand) => {
                self.a = compute(operation, self.a, self.value(operand))?;
            }
            Operation::Negate => self.a = self.a.wrapping_neg(),
            Operation::AToX => self.x = self.a,
            Operation::XToA => self.a = self.x,
        }
        Some(Step::On(0))
    }

    fn get(&self, register: Register) -> u32 {
        match register {
            Register::A => self.a,
            Register::X => self.x,
        }
    }

    fn set(&mut self, register: Register, value: u32) {
        match register {
            Register::A => self.a = value,
            Register::X => self.x = value,
        }
    }

    fn value(&self, operand: Operand) -> u32 {
        match operand {
            Operand::Constant(k) => k,
            Operand::X => self.x,
        }
    }

    fn test(&self, test: Test, operand: Operand) -> bool {
        let operand = self.value(operand);
        match test {
            Test::Equal => self.a == operand,
            Test::Greater => self.a > operand,
            Test::GreaterOrEqual => self.a >= operand,
            Test::AnyBit => self.a & operand != 0,
        }
    }

    fn load(&self, at: u32, octets: usize) -> Option<u32> {
        let place = |at: u32| {
            let mut at = usize::try_from(at).ok()?;
            for piece in self.packet {
                match piece.get(at) {
                    Some(octet) => return Some(*octet),
                    None => at -= piece.len(),
                }
            }
            None
        };
        (0..octets as u32).try_fold(0, |value, n| {
            Some(value << 8 | u32::from(place(at.checked_add(n)?)?))
        })
    }
}

fn compute(operation: Arithmetic, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        Arithmetic::Add => a.wrapping_add(operand),
        Arithmetic::Subtract => a.wrapping_sub(operand),
        Arithmetic::Multiply => a.wrapping_mul(operand),
        Arithmetic::Divide => a.checked_div(operand)?,
        Arithmetic::Or => a | operand,
        Arithmetic::And => a & operand,
        Arithmetic::ShiftLeft => a.wrapping_shl(operand),
        Arithmetic::ShiftRight => a.wrapping_shr(operand),
        Arithmetic::Modulo => a.checked_rem(operand)?,
        Arithmetic::ExclusiveOr => a ^ operand,
    })
}

#[cfg(test)]
mod tests;
