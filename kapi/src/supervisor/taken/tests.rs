use super::*;

fn candidates(word: Word) -> Vec<u64> {
    word.candidates().collect()
}

#[test]
fn whatever_waits_is_a_candidate() {
    let word = Word::new(100).unwrap();
    let taken = Taken::new(word);
    // The next may have been taken already.
    assert!(candidates(word).contains(&101));
    taken.note(101);
    // 102 was killed before it was taken.
    taken.note(103);
    taken.note(104);
    taken.settle(103);
    assert_eq!(candidates(word), [101, 102, 103, 104, 105]);
    taken.settle(101);
    assert_eq!(candidates(word), [104, 105]);
    taken.settle(104);
    assert_eq!(candidates(word), [105]);
    taken.note(107);
    assert!(candidates(word).ends_with(&[107, 108]));
}

#[test]
fn numbers_begin_anew_after_the_last() {
    let word = Word::new(u64::MAX - 1).unwrap();
    let taken = Taken::new(word);
    taken.note(u64::MAX);
    taken.note(0);
    taken.settle(u64::MAX);
    assert!(candidates(word).ends_with(&[0, 1]));
}
