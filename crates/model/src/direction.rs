//! Direction: the order in which entries are read and answered, oldest or newest first.

/// Order of entries by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

impl Direction {
    /// Whether the oldest entry comes first.
    pub fn is_forward(self) -> bool {
        self == Direction::Forward
    }

    /// Whether the newest entry comes first.
    pub fn is_backward(self) -> bool {
        self == Direction::Backward
    }

    /// An order of ascending times, turned to this direction.
    pub fn order(self, ascending: std::cmp::Ordering) -> std::cmp::Ordering {
        match self {
            Direction::Forward => ascending,
            Direction::Backward => ascending.reverse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backward_reverses_the_order_of_time() {
        let sorted = |direction: Direction| {
            let mut times = [2, 3, 1];
            times.sort_by(|a, b| direction.order(a.cmp(b)));
            times
        };
        assert_eq!(sorted(Direction::Forward), [1, 2, 3]);
        assert_eq!(sorted(Direction::Backward), [3, 2, 1]);
    }
}
