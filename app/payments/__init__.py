"""How an order is paid: tenders, payments, refunds, and the ledger that always adds up to zero."""
