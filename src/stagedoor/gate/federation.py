"""Keyless workers: applications that trust the tokens of an OpenID issuer (GitHub Actions, GitLab, Kubernetes), and who comes with one.

docs/decisions/0035-tokens-and-trusts.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec

from stagedoor.core.application import Applications
from stagedoor.core.credential import TamperedCredential
from stagedoor.core.federation import Candidate, Trust, Trusts
from stagedoor.core.grant import must_hold
from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.trust import Finding, Terms, check_terms, judge
from stagedoor.gate.issuers import Issuers, IssuerUnavailable
from stagedoor.kit.assertion import Assertion, NotAJwt, parse_assertion, verify_assertion
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import NotFound, Unauthenticated
from stagedoor.store.store import Store, Transaction

T = TypeVar("T")
CLAIMS_ALONE = "claims alone were given, so no signature was looked at"
REFUSED = "the token is not one that this application trusts; POST /api/applications/{id}/trusts/test says why"


class Tested(msgspec.Struct, rename="camel", frozen=True):
    """One trust, and what the token has of what it asks for."""

    id: str
    name: str
    status: str
    matches: bool
    findings: list[Finding]


class Test(msgspec.Struct, rename="camel", frozen=True):
    """`verified`: an issuer that the application trusts signed it; `problem` says what is wrong where none did."""

    verified: bool
    claims: dict[str, Any]
    trusts: list[Tested]
    problem: str = ""


@dataclass(frozen=True)
class Entered:
    """Who came in, by which terms, and when (epoch ms) the token that it was ends."""

    who: Principal
    revision: str
    expires_at: int


@dataclass(frozen=True)
class Federation:
    store: Store
    trusts: Trusts
    applications: Applications
    issuers: Issuers
    clock: Clock

    async def create(self, who: Principal, application: str, terms: Terms) -> Trust:
        self._check(terms)
        return await self._as_key(who, application, lambda tx: self.trusts.create(tx, who, application, terms))

    async def replace(self, who: Principal, application: str, trust: str, terms: Terms) -> Trust:
        self._check(terms)
        return await self._as_key(who, application, lambda tx: self.trusts.replace(tx, who, application, trust, terms))

    def _check(self, terms: Terms) -> None:
        check_terms(terms)
        self.issuers.check_issuer(terms.issuer)

    async def enter(self, application: str, token: str) -> Entered:
        """Unauthenticated, the same for whatever is wrong, where no trust of the application takes the token."""
        try:
            assertion = parse_assertion(token)
        except NotAJwt:
            raise Unauthenticated(REFUSED) from None
        issuer = str(assertion.claims.get("iss"))
        candidates = await self.store.read(lambda tx: self.trusts.candidates(tx, application))
        candidates = [one for one in candidates if one.terms.issuer == issuer]
        # Of an issuer that was asked before, the keys are had whoever is named: nobody learns by the time it takes who trusts it.
        if not (candidates or self.issuers.asked(issuer)) or not await self._signed(assertion) or not candidates:
            raise Unauthenticated(REFUSED)
        return await self._first(candidates, assertion)

    async def of(self, who: Principal, application: str) -> list[Trust]:
        """Of an application of the caller's project."""

        def within(tx: Transaction) -> list[Trust]:
            self.applications.get(tx, who.project, application)
            return self.trusts.of(tx, who.project, application)

        return await self.store.read(within)

    async def test(self, who: Principal, application: str, token: str) -> Test:
        """Why a token matches or does not, condition by condition. Nothing of the token comes back but its claims; nothing is used up."""
        trusts = await self.of(who, application)
        try:
            assertion = parse_assertion(token)
        except NotAJwt as refused:
            return Test(False, {}, [], refused.message)
        problem = await self._why_unverified(assertion, trusts)
        return Test(not problem, assertion.claims, [self._tested(trust, assertion.claims) for trust in trusts], problem)

    async def test_claims(self, who: Principal, application: str, claims: dict[str, Any]) -> Test:
        """The same of claims alone, such as an issuer's documents show: before there is a token."""
        trusts = await self.of(who, application)
        return Test(False, claims, [self._tested(trust, claims) for trust in trusts], CLAIMS_ALONE)

    async def _first(self, candidates: Sequence[Candidate], shown: Assertion) -> Entered:
        for candidate in candidates:
            if all(finding.matches for finding in judge(candidate.terms, shown.claims, self.clock.now())):
                try:
                    who = await self.store.write(partial(self.trusts.take, candidate=candidate, shown=shown))
                except TamperedCredential:
                    raise
                except (Unauthenticated, NotFound):
                    continue
                return Entered(who, candidate.revision, int(shown.claims["exp"] * 1000))
        raise Unauthenticated(REFUSED)

    async def _signed(self, assertion: Assertion) -> bool:
        """False too where the issuer's keys cannot be had: another answer would tell that the application trusts it. The log says why."""
        try:
            key = await self.issuers.key(assertion.claims["iss"], assertion.kid)
        except IssuerUnavailable:
            return False
        return key is not None and verify_assertion(assertion, key)

    async def _why_unverified(self, assertion: Assertion, trusts: Sequence[Trust]) -> str:
        issuer = assertion.claims.get("iss")
        if not any(trust.issuer == issuer for trust in trusts):
            return "no trust of this application names its issuer, so its signature was not looked at"
        try:
            key = await self.issuers.key(str(issuer), assertion.kid)
        except IssuerUnavailable as problem:
            return problem.message
        if key is None:
            return "the issuer publishes no key of the kid that its header names"
        return "" if verify_assertion(assertion, key) else "its signature is not the issuer's"

    def _tested(self, trust: Trust, claims: dict[str, Any]) -> Tested:
        findings = judge(Terms(trust.issuer, trust.audience, trust.conditions), claims, self.clock.now())
        return Tested(trust.id, trust.name, trust.status, all(finding.matches for finding in findings), findings)

    async def _as_key(self, who: Principal, application: str, change: Callable[[Transaction], T]) -> T:
        """Trusting somebody hands out the application's roles, as a key does."""

        def within(tx: Transaction) -> T:
            self.applications.check_new_key(tx, who, application)
            must_hold(tx, who, Resource("APPLICATION", application), Access.UPDATE)
            return change(tx)

        return await self.store.write(within)
