"""The core contract of the API, where it is at hand: the schema holds all of it that has been asked for so far."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    build_schema,
    is_enum_type,
    is_input_object_type,
    is_required_argument,
    is_required_input_field,
    is_scalar_type,
)

from app.api.schema import schema as strawberry_schema
from app.platform.migrate import ROOT

MISSING = "is missing"
CONTRACT = ROOT.parent / "shared" / "contract.graphql"

# Names of the contract that later work brings. What has come is taken off, and must stay from then on.
_WAITING = """
    OfflineOperationInput OfflineActionInput OfflineSaleInput OfflineSaleLineInput OfflineDiscountInput
    OfflineReturnInput OfflineReturnLineInput OfflineCashMovementInput OfflineSessionOpenInput OfflineSessionCloseInput
    OperationsSyncInput OperationOutcome OperationResult OperationsSyncPayload Mutation.operationsSync
    Conflict ConflictKind ConflictStatus ConflictResolution ConflictConnection ConflictEdge Query.conflicts
    ConflictResolveInput ConflictResolvePayload Mutation.conflictResolve

    RegisterSession RegisterSessionStatus RegisterSessionBy TenderTotal CashMovement
    Register.session Query.registerSession CheckoutCompleteInput.registerSessionId OrderFilter.registerSessionId
    RegisterSessionOpenInput RegisterSessionOpenPayload Mutation.registerSessionOpen
    RegisterSessionCloseInput RegisterSessionClosePayload Mutation.registerSessionClose
    CashMovementCreateInput CashMovementCreatePayload Mutation.cashMovementCreate

    CartHandOffInput CartHandOffPayload Mutation.cartHandOff CartClaimInput CartClaimPayload Mutation.cartClaim
    CartParkInput CartParkPayload Mutation.cartPark CartResumeInput CartResumePayload Mutation.cartResume
    CartCouponsSetInput CartCouponsSetPayload Mutation.cartCouponsSet CartCreateInput.coupons
    ApprovalRequired PriceOverride.approvedBy PriceOverrideInput.approval

    PaymentRefused PaymentAction PaymentActionKind Payment.action TenderInput.token
    OrderPayInput OrderPayPayload Mutation.orderPay
    Return ReturnStatus ReturnLine Order.returns ReturnLineInput ReturnCreateInput ReturnCreatePayload
    Mutation.returnCreate RefundTenderInput RefundStep
"""
WAITING = frozenset(_WAITING.split())

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not beside this checkout (../shared)"),
]


@cache
def contract() -> GraphQLSchema:
    return build_schema(CONTRACT.read_text(encoding="utf-8"), assume_valid=True)


@cache
def ours() -> GraphQLSchema:
    return build_schema(strawberry_schema.as_str())


def differences() -> Iterator[tuple[str, str]]:
    """Where the schema does not hold the contract, and how."""
    for name, each in contract().type_map.items():
        wanted: Any = each
        found: Any = ours().type_map.get(name)
        if name.startswith("__"):
            continue
        if found is None:
            yield name, MISSING
        elif type(found) is not type(wanted):
            yield name, f"is a {type(found).__name__}, not a {type(wanted).__name__}"
        elif is_enum_type(wanted):
            yield from ((f"{name}.{value}", MISSING) for value in wanted.values if value not in found.values)
        elif not is_scalar_type(wanted):
            yield from _members(name, wanted, found)


def _members(name: str, wanted: Any, found: Any) -> Iterator[tuple[str, str]]:
    if getattr(wanted, "is_one_of", False) != getattr(found, "is_one_of", False):
        yield name, "is @oneOf in one of them"
    missing = {each.name for each in getattr(wanted, "interfaces", ())} - {
        each.name for each in getattr(found, "interfaces", ())
    }
    yield from ((name, f"does not implement {each}") for each in missing)
    for field, definition in wanted.fields.items():
        if field in found.fields:
            yield from _field(f"{name}.{field}", definition, found.fields[field])
        else:
            yield f"{name}.{field}", MISSING
    if is_input_object_type(found):
        for field in set(found.fields) - set(wanted.fields):
            if is_required_input_field(found.fields[field]):
                yield f"{name}.{field}", "is not in the contract, and required"


def _field(where: str, wanted: Any, found: Any) -> Iterator[tuple[str, str]]:
    yield from _same(where, wanted, found)
    asked, taken = getattr(wanted, "args", {}), getattr(found, "args", {})
    for argument, given in asked.items():
        if argument in taken:
            yield from _same(f"{where}({argument})", given, taken[argument])
        else:
            yield f"{where}({argument})", MISSING
    for argument in set(taken) - set(asked):
        if is_required_argument(taken[argument]):
            yield f"{where}({argument})", "is not in the contract, and required"


def _same(where: str, wanted: Any, found: Any) -> Iterator[tuple[str, str]]:
    if str(wanted.type) != str(found.type):
        yield where, f"is {found.type}, not {wanted.type}"
    if getattr(wanted, "default_value", None) != getattr(found, "default_value", None):
        yield where, "has another default"


def test_the_schema_holds_the_contract_but_for_what_waits() -> None:
    found = dict(differences())
    assert {where: how for where, how in found.items() if how != MISSING} == {}
    assert set(found) == WAITING
