//! Which objects a run of load asks for, one after the other. The sequence is the same each time,
//! and can be taken up anywhere in it.

use crate::object::{Family, Object, chance};
use crate::zipf::Zipf;

/// An endless sequence of objects.
#[derive(Clone, Debug)]
pub struct Picks {
    family: Family,
    count: u64,
    order: Order,
    /// How many came before.
    at: u64,
}

/// How the objects follow one another.
#[derive(Clone, Debug)]
pub enum Order {
    /// By number, over and over.
    InTurn,
    /// Any, all as likely.
    Even,
    /// The lower its number, the likelier.
    Zipf(Zipf),
}

impl Picks {
    /// Of `count` objects, at least one, from the pick number `at` on.
    #[must_use]
    pub fn new(family: Family, count: u64, order: Order, at: u64) -> Self {
        Self { family, count: count.max(1), order, at }
    }
}

impl Iterator for Picks {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        let at = self.at;
        self.at += 1;
        let number = match &self.order {
            Order::InTurn => at % self.count,
            Order::Even => (chance(at) * self.count as f64) as u64,
            Order::Zipf(zipf) => zipf.rank(chance(at)),
        };
        Some(Object { family: self.family, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(order: Order, at: u64) -> Vec<u64> {
        let picks = Picks::new(Family::Spread, 5, order, at);
        picks.take(20).map(|object| object.number).collect()
    }

    #[test]
    fn a_sequence_is_taken_up_where_another_run_left_it() {
        for order in [Order::InTurn, Order::Even, Order::Zipf(Zipf::new(5, 1.0))] {
            let whole = numbers(order.clone(), 0);
            assert_eq!(whole[7..], numbers(order, 7)[..13]);
        }
    }

    #[test]
    fn all_objects_have_their_turn() {
        assert_eq!(numbers(Order::InTurn, 3)[..4], [3, 4, 0, 1]);
        let even = numbers(Order::Even, 0);
        assert!((0..5).all(|number| even.contains(&number)), "{even:?}");
    }
}
