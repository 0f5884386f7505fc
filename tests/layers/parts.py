"""A training step of several replicas of a model, each of which holds a part of the batch."""

import threading
from contextlib import nullcontext

import numpy as np

import clearconv
from clearconv.layers import Context
from clearconv.layers.base.group import ALONE
from clearconv.ops.geometry.shards import Shards
from clearconv.ops.reduction import tree_moments, tree_sum
from clearconv.optim import SGD


class Meeting:
    """Threads that wait for each other, each with what it brings."""

    def __init__(self, parts):
        self.barrier = threading.Barrier(parts, timeout=600)
        self.brought = [None] * parts
        self.times = 0


class Member:
    """One of them: a Group, as layers and losses know it."""

    def __init__(self, meeting, number):
        self.meeting, self.number = meeting, number

    def combine(self, partials, how):
        """Join what is its own, and then what all have brought, in their order."""
        own = ALONE.combine(partials, how)[np.newaxis] if len(partials) else partials
        meeting = self.meeting
        meeting.brought[self.number] = how, own
        meeting.barrier.wait()
        assert {what for what, _ in meeting.brought} == {how}
        found = [one for _, given in meeting.brought for one in given]
        whole = tree_sum(found) if how == "sum" else tree_moments(found)
        if meeting.barrier.wait() == 0:
            meeting.times += 1
        return whole


def step(model, criterion, x, labels, context, optimiser):
    """Take a training step with the part of the batch that the context names; return the loss."""
    logits = model.forward(x, context=context)
    loss, grad = criterion(logits, labels, context.shards, context.group)
    model.backward(grad, input_gradient=False)
    optimiser.step()
    return loss


def train(make, criterion, x, labels, parts, total=8, steps=1, backend=None, optimiser=SGD, **how):
    """Train `parts` replicas together; return each one's (loss, state of model and optimiser)."""
    whole = Shards(total, images=len(x))
    meeting, results, errors = Meeting(parts), [None] * parts, []

    def work(number):
        try:
            with clearconv.backend(backend) if backend else nullcontext():
                shards = whole.part(number, parts)
                model, here = make(), shards.cut()
                update = optimiser(model, **how)
                for count in range(steps):
                    context = Context(
                        training=True,
                        seed=3,
                        step=count,
                        shards=shards,
                        group=Member(meeting, number),
                    )
                    loss = step(model, criterion, x[here], labels[here], context, update)
                results[number] = loss, {**model.state_dict(), **update.state()}
        except BaseException as error:
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    assert not errors
    assert meeting.times > 0
    return results


def train_whole(make, criterion, x, labels, steps=1, backend=None, optimiser=SGD, **how):
    """Train one model on the whole batch, as users do; return (loss, state)."""
    with clearconv.backend(backend) if backend else nullcontext():
        model = make()
        update = optimiser(model, **how)
        for count in range(steps):
            context = Context(training=True, seed=3, step=count)
            logits = model.forward(x, context=context)
            loss, grad = criterion(logits, labels)
            model.backward(grad, input_gradient=False)
            update.step()
        return loss, {**model.state_dict(), **update.state()}
