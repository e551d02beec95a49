//! The Gregorian calendar: days since 1970-01-01 to year, month and day, and back.
//!
//! The calendar repeats every 400 years, which have 146,097 days. Within such an era the year is
//! counted from 1 March, so that the leap day is the last day of its year and the months before it
//! follow a formula: March to January have 31, 30, 31, 30, 31 days, twice and a bit, and
//! `(153 × month + 2) / 5` is the number of days before each. (Howard Hinnant, "chrono-Compatible
//! Low-Level Date Algorithms".)
//!
//! The rules are applied to all years alike, also to those before the calendar was introduced.
//!
//! ```text
//! 2000-02-28   the 365th day of the March year 1999
//! 2000-02-29   the 366th, and the last day of an era
//! 2000-03-01   the first day of the next era
//! ```

/// Days in 400 years.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01, on which an era begins, to 1970-01-01.
const EPOCH: i64 = 719_468;
/// 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    /// The year; 0 is the year before the year 1.
    pub(super) year: i64,
    /// The month, from 1.
    pub(super) month: i64,
    /// The day of the month, from 1.
    pub(super) day: i64,
}

impl Day {
    /// Returns the day with these numbers; `None` if its month does not have it.
    pub(super) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let exists = (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
        exists.then_some(Day { year, month, day })
    }

    /// Returns the day that begins `days` days after 1970-01-01.
    pub(super) const fn from_days(days: i64) -> Self {
        let days = days + EPOCH;
        let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        // Without the leap days of the 4, 100 and 400 years before, each year has 365 days.
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - days_before_year(year_of_era);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let starts_before = if month <= 2 { 1 } else { 0 };
        Day {
            year: era * 400 + year_of_era + starts_before,
            month,
            day,
        }
    }

    /// Returns the number of days from 1970-01-01 to this day; negative before it.
    pub(super) const fn days(self) -> i64 {
        let starts_before = if self.month <= 2 { 1 } else { 0 };
        let year = self.year - starts_before;
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        era * ERA_DAYS + days_before_year(year_of_era) + day_of_year - EPOCH
    }
}

/// Returns the day of the week that begins `days` days after 1970-01-01: 0 for Monday to 6 for
/// Sunday.
pub(super) const fn weekday(days: i64) -> usize {
    (days + EPOCH_WEEKDAY).rem_euclid(7) as usize
}

/// Days of an era before its year of this number. A leap day ends each fourth year but the
/// hundredth, two hundredth and three hundredth.
const fn days_before_year(year_of_era: i64) -> i64 {
    year_of_era * 365 + year_of_era / 4 - year_of_era / 100
}

fn month_length(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        let table = [
            ((0, 1, 1), -719_528, 5),
            ((1, 1, 1), -719_162, 0),
            ((1582, 10, 15), -141_427, 4),
            ((1600, 2, 29), -135_081, 1),
            ((1900, 2, 28), -25_509, 2),
            ((1969, 12, 31), -1, 2),
            ((1970, 1, 1), 0, 3),
            ((1994, 11, 6), 9_075, 6),
            ((2000, 2, 29), 11_016, 1),
            ((2000, 3, 1), 11_017, 2),
            ((2026, 11, 28), 20_785, 5),
            ((2100, 3, 1), 47_541, 0),
            ((9999, 12, 31), 2_932_896, 4),
        ];
        for ((year, month, day), days, weekday) in table {
            let date = Day::new(year, month, day).unwrap();
            assert_eq!(
                (date.days(), super::weekday(days)),
                (days, weekday),
                "{date:?}"
            );
            assert_eq!(Day::from_days(days), date);
        }
    }

    /// Counts through every day from the year 0 to 9999 by the length of the months alone.
    #[test]
    fn days_follow_each_other() {
        let mut number = Day::new(0, 1, 1).unwrap().days();
        for year in 0..=9999 {
            for month in 1..=12 {
                for day in 1..=month_length(year, month) {
                    let expected = Day { year, month, day };
                    assert_eq!(Day::from_days(number), expected);
                    assert_eq!(expected.days(), number);
                    number += 1;
                }
            }
        }
        assert_eq!(number, 2_932_897);
    }

    #[test]
    fn days_that_do_not_exist() {
        let table = [
            (2001, 2, 29),
            (1900, 2, 29),
            (2000, 2, 30),
            (2000, 4, 31),
            (2000, 0, 1),
            (2000, 13, 1),
            (2000, 1, 0),
            (2000, 1, 32),
        ];
        for (year, month, day) in table {
            assert_eq!(Day::new(year, month, day), None, "{year}-{month}-{day}");
        }
    }
}
