// Package records holds the rows of the lab's server: parties and people, releases, what was observed and judged, talk and grants.
//
// Whatever belongs to a release is read through a View, which is for one viewer at one time. Each of its queries joins the common table expression
// visible, which gives the level at which this viewer sees each release; a row needs the level that stands beside it in the migration. There is no
// other way to read such rows, so no page, export, count or search can show more. What the server itself does without a viewer (taking jobs,
// keeping an evaluation's result) is on Records, named so, and hands nothing to a page.
//
// Rows that record an act are written in the transaction of the statement that it makes: functions that write take that transaction.
package records
