//! Exceptions from the rules. A list as short as this is how it should stay.

use super::Finding;

/// One exception: for one rule in one file, and why.
pub(super) struct Allowed {
    pub(super) rule: &'static str,
    pub(super) path: &'static str,
    pub(super) reason: &'static str,
}

pub(super) const ALLOWED: &[Allowed] = &[];

/// Takes out what is allowed and adds what is allowed for nothing.
pub(super) fn apply(findings: Vec<Finding>, allowed: &[Allowed]) -> Vec<Finding> {
    let fits =
        |finding: &Finding, one: &Allowed| finding.rule == one.rule && finding.path == one.path;
    let idle = |one: &&Allowed| !findings.iter().any(|finding| fits(finding, one));
    let idle: Vec<Finding> = allowed
        .iter()
        .filter(idle)
        .map(|one| {
            let Allowed { rule, path, reason } = one;
            let text = format!("nothing breaks {rule} here any more; take out: {reason}");
            Finding::new("exception", path, 0, text)
        })
        .collect();
    let kept = |finding: &Finding| !allowed.iter().any(|one| fits(finding, one));
    findings.into_iter().filter(kept).chain(idle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Allowed = Allowed { rule: "length", path: "a.rs", reason: "a table" };

    #[test]
    fn an_exception_holds_for_its_rule_and_file() {
        let found = |rule, path| Finding::new(rule, path, 1, "");
        let findings =
            vec![found("length", "a.rs"), found("columns", "a.rs"), found("length", "b.rs")];
        let left = apply(findings.clone(), &[ONE]);
        assert_eq!(left, findings[1..]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_a_finding() {
        let left = apply(Vec::new(), &[ONE]);
        assert_eq!(left.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["exception"]);
    }
}
