// Package gate decides whether a change to contracts may be merged, or a
// revision deployed: it holds two states of a contracts root against each
// other and names what would break.
//
// # Trees
//
// A [Tree] is a contracts root as it is in a directory ([Directory]) or in a
// revision of git ([Revision]); [Open] reads either from one text. Revisions
// are read from git's object store by the git command: nothing is checked out
// and nothing is written to the work tree or its index. A remote repository is
// fetched into a temporary directory that is deleted again.
//
// # What is compared
//
// [Config.Base] is what was promised, [Config.Head] what is to be, and
// [Config.With] the other side: roots of other repositories, such as a
// consumer's with consumers/APP/EVENT.reads.schema.json. Where the head's
// files, and those that they refer to, are as in the base, the contract is not
// looked at again, unless it has waivers. What crosses repositories always is.
//
// # Modes
//
// A version is held against the versions before it, as the contract's
// compatibility says: backward (consumers on the new version can read events of
// the old one), forward (consumers on the old one can read events of the new
// one), full (both), and each of them transitive (against all before it, not
// only the last); none. Drafts are left out. The first version, counted
// backwards, that a new version breaks is the one that is named. The mode is
// that of the head: loosening it is a change that reviewers see.
//
// Versions differ by definition in the value by which events tell them apart
// (version: {from: /data/event_version}): a reader's const or enum there is left
// out of the comparison, and the trace says so.
//
// # Findings
//
// What breaks a version, or what a consumer reads, is one finding for each
// change, at the line in the schema that makes it, so that a reviewer sees it
// there: who breaks by which event, the rule of package compat, the places in
// both files, and a remedy. The finding's own rule, which waivers name, is the
// gate's.
//
// # Removal
//
// A consumer declares in the base which versions it reads, or all. To remove
// one, let the consumer drop it in a change of its own, then delete it.
//
// # Waivers
//
// A waiver in contract.yaml lets findings of a rule pass up to a day, which is
// part of it. After that, and where nothing needs it, the waiver itself is a
// finding. Of GATE_EDITED and GATE_VERSION_REMOVED nothing is left once the
// change is merged; a waiver of these that the base has too is let be until it
// expires. A type that is removed takes its waivers with it and cannot be waived.
//
// # Limits
//
// That topic, pubsub, match, identity, ordering, dataContentType or producers
// change is not judged. What a consumer reads is held as a set of events: that a
// new version drops an optional property which it lists is no finding; it is one
// where the consumer requires the property.
//
// A waiver is called unused only by a run that could have used it: one of
// GATE_EDITED or GATE_VERSION_REMOVED takes a base, one of what an app in another
// repository reads takes that repository, and one of GATE_UNDECIDED both.
//
// Files that did not change are not read again; what their names show to be
// misplaced is refused. A base that cannot be read stops the gate.
package gate
