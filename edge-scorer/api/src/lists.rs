//! What every list takes.

use control::ListQuery;

use crate::query::Query;

/// Paging, order and search, as the caller wrote them.
pub(crate) fn list_query(query: &Query) -> ListQuery {
    ListQuery {
        count: query.text("count"),
        skip_token: query.text("$skipToken"),
        search: query.text("search"),
        order_by: query.text("$orderby"),
        top: query.text("$top"),
        skip: query.text("$skip"),
        total: query.text("$count"),
    }
}
