// Package report shows a dossier: on a terminal, as one HTML file, as JSON, CSV and SARIF. Everything it shows stands in the dossier; it decides
// nothing, and no report has a clock or a random number of its own: the same dossier gives the same bytes.
package report
