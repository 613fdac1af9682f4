"""The proof that services serve: tasks run and stay, and the targets that get the traffic are healthy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fraud_cfn.deploy.account.session import Session, code_of, denied
from fraud_cfn.deploy.errors import RefusedError
from fraud_cfn.deploy.running import balancing, services, tasks
from fraud_cfn.deploy.running.services import Service
from fraud_cfn.deploy.running.tasks import Task
from fraud_cfn.deploy.running.workloads import Workload
from fraud_cfn.deploy.terminal import clock

_FAILURES = 3  # stopped tasks of one service after which it is not going to stay up
_FORGETS = 60.0  # seconds for which ECS may not know a service that is there
_T = TypeVar("_T")


@dataclass(frozen=True)
class Verdict:
    """What the proof came to; it serves if nothing failed and nothing is unknown."""

    failed: tuple[str, ...] = ()  # workloads whose tasks do not stay up
    reasons: tuple[str, ...] = ()  # why those tasks stopped, each once
    unknown: dict[str, str] = field(default_factory=dict[str, str])  # what could not be looked at → why

    @property
    def serves(self) -> bool:
        return not self.failed and not self.unknown


class Proof:
    """Looks again and again; a look tells what is new by `say` and gives the verdict once there is one.

    Tasks must be the same for `steady` seconds. What stopped before the proof began does not count, by ARN:
    nobody's clock is asked.
    """

    def __init__(
        self, session: Session, workloads: tuple[Workload, ...], steady: float, say: Callable[[str], None]
    ) -> None:
        self._session = session
        self._workloads = workloads
        self._steady = steady
        self._say = say
        self._said: dict[str, str] = {}  # what about → what was said last
        self._unknown: dict[str, str] = {}
        self._before = {
            arn
            for workload in workloads
            for arn in self._allowed("stopped tasks", lambda w=workload: self._stopped(w, ())) or ()
        }
        self._failed: dict[str, list[Task]] = {}
        self._same: dict[str, set[str]] = {}  # the tasks that have to stay
        self._since = self._missing_since = clock.now()

    def __call__(self) -> Verdict | None:
        if not self._workloads:
            return Verdict()
        found = services.look(self._session, self._workloads, deployments=False)
        if found:  # a look that finds none is no news: ECS forgets for a moment
            self._news("counts", " · ".join(f"{one.name} {one.running}/{one.desired}" for one in found))
        up = len(found) == len(self._workloads) and all(one.stable and one.desired for one in found)
        stayed = self._stayed(found) if up else False
        if not stayed:
            self._since = clock.now()
            self._look_at_the_dead()
        if gone := self._gone(found):
            why = f"ECS has no service of {', '.join(gone)}: somebody deleted it"
            return Verdict(failed=tuple(gone), reasons=(why,))
        healthy = self._healthy() if up else False
        if hopeless := [name for name, dead in self._failed.items() if len(dead) >= _FAILURES]:
            reasons = {task.why: None for name in hopeless for task in self._failed[name]}
            return Verdict(failed=tuple(hopeless), reasons=tuple(reasons))
        if healthy and stayed and clock.now() - self._since >= self._steady:
            return Verdict(unknown=self._unknown)
        if stayed and not healthy:
            self._since = clock.now()
        return None

    def _gone(self, found: list[Service]) -> list[str]:
        """Workloads whose service ECS has not known for a while."""
        known = {service.name for service in found}
        missing = [workload.name for workload in self._workloads if workload.name not in known]
        if not missing:
            self._missing_since = clock.now()
        return missing if clock.now() - self._missing_since > _FORGETS else []

    def _stayed(self, found: list[Service]) -> bool:
        """Whether the tasks of the look before still run; a task more does no harm."""
        same = True
        for workload in self._workloads:
            cluster, service = workload.cluster.physical_id, workload.service_name
            now = self._allowed(
                "running tasks", lambda c=cluster, s=service: tasks.running(self._session, c, service=s)
            )
            if now is None:
                continue
            before = self._same.get(workload.name)
            if before is None or not before <= set(now):
                same = False
            self._same[workload.name] = set(now)
        self._news(
            "stay", f"  all run; watching that they stay for {clock.span(self._steady)}" if same else ""
        )
        return same and bool(found)

    def _healthy(self) -> bool:
        """Whether every group that gets traffic has healthy targets and no sick one; `True` where that may
        not be looked at, which the verdict tells."""
        good = True
        for workload in self._workloads:
            if not workload.target_groups:
                continue
            told = self._allowed("targets", lambda w=workload: self._sick(w))
            self._news(f"targets of {workload.name}", f"  {workload.name}: {told}" if told else "")
            good = good and not told
        return good

    def _sick(self, workload: Workload) -> str:
        """What is wrong with the targets that get traffic; empty if nothing."""
        fronts = workload.target_groups
        if workload.routing:
            now = balancing.weights(self._session, workload.routing)
            fronts = balancing.front(workload.routing, now)
        if not fronts:
            return "the load balancer sends its traffic nowhere"
        found = balancing.targets(self._session, workload)
        for group in fronts:
            mine = [target for target in found if target.group == group.logical_id]
            healthy = sum(target.state == "healthy" for target in mine)
            sick = [target for target in mine if target.state not in ("healthy", "draining")]
            if sick or not healthy:
                name = balancing.colour_of(workload, group) or group.logical_id
                told = [target.reason or target.state for target in (*sick, *mine)]
                why = told[0] if told else "no target is registered"
                return f"{healthy} of {len(mine)} targets of {name} healthy; {why}"
        return ""

    def _look_at_the_dead(self) -> None:
        for workload in self._workloads:
            known = {*self._before, *(task.arn for task in self._failed.get(workload.name, ()))}
            dead = self._allowed("stopped tasks", lambda w=workload, k=known: self._dead(w, k))
            for task in dead or ():
                self._failed.setdefault(workload.name, []).append(task)
                self._news(f"{workload.name} {task.why}", f"  {workload.name} task stopped: {task.why}")

    def _dead(self, workload: Workload, known: set[str]) -> list[Task]:
        cluster, service = workload.cluster.physical_id, workload.service_name
        found = tasks.stopped(self._session, cluster, service=service, known=known)
        self._before |= {task.arn for task in found if not task.failed}
        return [task for task in found if task.failed]

    def _stopped(self, workload: Workload, known: tuple[str, ...]) -> list[str]:
        cluster, service = workload.cluster.physical_id, workload.service_name
        return [task.arn for task in tasks.stopped(self._session, cluster, service=service, known=known)]

    def _allowed(self, what: str, ask: Callable[[], _T]) -> _T | None:
        """The answer, or `None` where this caller may not ask, which the verdict tells."""
        try:
            return ask()
        except RefusedError as error:  # who gets the traffic cannot be judged
            self._unknown[what] = error.message
        except Exception as error:
            if not denied(error):
                raise
            self._unknown[what] = code_of(error)
        return None

    def _news(self, about: str, text: str) -> None:
        if text and self._said.get(about) != text:
            self._say(text if text.startswith(" ") else f"  {text}")
        self._said[about] = text
