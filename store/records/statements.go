package records

import "context"

// Said is a statement as a viewer may see it: what it is and of which release.
type Said struct{ Kind, Release string }

// Statement tells whether a viewer may read a statement: one that a row stands for which the viewer sees.
func (w *View) Statement(ctx context.Context, id string) (Said, error) {
	return one(read(ctx, w, func(scan func(...any) error, x *Said) error { return scan(&x.Kind, &x.Release) }, `
		SELECT 'receipt', x.release_id FROM receipts x JOIN visible v ON v.release_id = x.release_id AND v.level >= 5 WHERE x.id = ?1
		UNION ALL SELECT 'grant', r.id FROM grants x JOIN releases r ON r.product_id = x.product_id AND (x.release_id = '' OR x.release_id = r.id)
			JOIN visible v ON v.release_id = r.id AND v.level >= 5 WHERE x.id = ?1
		UNION ALL SELECT a.kind, a.release_id FROM assignments a JOIN visible v ON v.release_id = a.release_id AND v.level >= 5 WHERE a.id = ?1
		UNION ALL SELECT 'message', m.release_id FROM messages m JOIN visible v ON v.release_id = m.release_id AND v.level >= 2
			WHERE m.id = ?1 AND (m.party_id = $1 OR EXISTS (SELECT 1 FROM audience a WHERE a.message_id = m.id AND a.party_id = $1))
		UNION ALL SELECT 'judgement', x.release_id FROM judgements x JOIN visible v ON v.release_id = x.release_id AND v.level >= 3 WHERE x.id = ?1
		UNION ALL SELECT 'risk', x.release_id FROM risks x JOIN visible v ON v.release_id = x.release_id AND v.level >= 2 WHERE x.id = ?1 AND (x.party_id = $1 OR v.level >= 5 OR $5 = 1)
		UNION ALL SELECT 'agreement', x.release_id FROM agreements x JOIN visible v ON v.release_id = x.release_id AND v.level >= 5 WHERE x.id = ?1
		ORDER BY 1, 2 LIMIT 1`, id))
}
