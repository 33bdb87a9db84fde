//! From rules to instructions.

use super::Instruction;
use super::table::{Architecture, Call};

/// What an argument must be.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    argument: u32,
    mask: u32,
    /// Any of these.
    values: Vec<u32>,
}

impl Condition {
    pub(super) fn is(argument: u32, value: u32) -> Condition {
        Condition::one_of(argument, &[value])
    }

    pub(super) fn one_of(argument: u32, values: &[u32]) -> Condition {
        Condition {
            argument,
            mask: u32::MAX,
            values: values.to_vec(),
        }
    }

    pub(super) fn masked(argument: u32, mask: u32, value: u32) -> Condition {
        Condition {
            argument,
            mask,
            values: vec![value],
        }
    }
}

/// The supervisor is told of `call` when all conditions of any of the lists hold.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) call: Call,
    pub(super) when: Vec<Vec<Condition>>,
}

/// Instructions of `linux/filter.h`.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_NOT_BELOW: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` has the call's number and the architecture's.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// SECCOMP_RET_ALLOW and SECCOMP_RET_USER_NOTIF of `linux/seccomp.h`.
const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;

/// The low half of an argument, which is all that the kernel takes of an int. Both architectures
/// are little-endian.
fn argument(index: u32) -> u32 {
    16 + 8 * index
}

pub(super) fn assemble(architecture: Architecture, rules: &[Rule]) -> Vec<Instruction> {
    let mut out = vec![
        plain(LOAD, ARCHITECTURE),
        jump(JUMP_IF_EQUAL, architecture.audit(), 1, 0),
        plain(RETURN, ALLOW),
        plain(LOAD, NUMBER),
    ];
    if let Some(limit) = architecture.limit() {
        out.push(jump(JUMP_IF_NOT_BELOW, limit, 0, 1));
        out.push(plain(RETURN, ALLOW));
    }
    for rule in rules {
        let Some(number) = architecture.number(rule.call) else {
            continue;
        };
        let body = body(&rule.when);
        out.push(jump(JUMP_IF_EQUAL, number, 0, body.len()));
        out.extend(body);
    }
    out.push(plain(RETURN, ALLOW));
    out
}

fn body(when: &[Vec<Condition>]) -> Vec<Instruction> {
    let mut out: Vec<Instruction> = when.iter().flat_map(|all| conjunction(all)).collect();
    out.push(plain(RETURN, ALLOW));
    out
}

/// Returns when all conditions hold, and otherwise falls out at the end.
fn conjunction(conditions: &[Condition]) -> Vec<Instruction> {
    let mut out = vec![plain(RETURN, NOTIFY)];
    for condition in conditions.iter().rev() {
        let mut test = vec![plain(LOAD, argument(condition.argument))];
        if condition.mask != u32::MAX {
            test.push(plain(AND, condition.mask));
        }
        let last = condition.values.len().saturating_sub(1);
        for (at, value) in condition.values.iter().enumerate() {
            let fails = if at == last { out.len() } else { 0 };
            test.push(jump(JUMP_IF_EQUAL, *value, last - at, fails));
        }
        test.append(&mut out);
        out = test;
    }
    out
}

fn plain(code: u16, operand: u32) -> Instruction {
    Instruction {
        code,
        if_true: 0,
        if_false: 0,
        operand,
    }
}

/// The rules are constants, and none comes near the distance that a jump can say.
fn jump(code: u16, operand: u32, if_true: usize, if_false: usize) -> Instruction {
    let distance = |skip: usize| u8::try_from(skip).unwrap_or(u8::MAX);
    debug_assert!(if_true < 256 && if_false < 256);
    Instruction {
        code,
        if_true: distance(if_true),
        if_false: distance(if_false),
        operand,
    }
}
