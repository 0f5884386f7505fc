"""The training loop: forward, loss, backward, update; validate, keep the best; test once."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from time import perf_counter

import numpy as np

from clearconv.data import Batch, Batches
from clearconv.layers import Context, Node
from clearconv.layers.loading import load
from clearconv.losses import CrossEntropy
from clearconv.ops.tellings import backend, native_module, set_threads
from clearconv.optim import schedule
from clearconv.runs import files
from clearconv.runs.abstaining.fitting import fit_abstainer
from clearconv.runs.best import highest_epoch, standard_error
from clearconv.runs.checkpoint import write
from clearconv.runs.evaluation import check_answers, evaluate_model
from clearconv.runs.records.epoch import EpochRecord
from clearconv.runs.records.lr_curve import LrCurve
from clearconv.runs.records.result import Result
from clearconv.runs.run import Run, write_json
from clearconv.runs.settings import Settings
from clearconv.train import health
from clearconv.train.callbacks import Callback, Callbacks
from clearconv.train.divergence import Moment, check_epoch, check_gradients, check_loss
from clearconv.train.lr_finder import find_lr
from clearconv.train.network import criterion_of
from clearconv.train.stop import Stop
from clearconv.train.transfer.features import FeatureBatches, Features


def go(run: Run, callbacks: Iterable[Callback] = ()) -> Result:
    """Train the rest of the run, then test.

    Parameters
    ----------
    run : Run
        Started or resumed, with its folder locked.
    callbacks : sequence of Callback
        Receive the events.

    Returns
    -------
    Result

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM; the state of the run is saved.
    RunError
        If the training diverges, or the folder cannot be written.
    """
    callbacks, settings = Callbacks(callbacks), run.settings
    with _machine(settings), Stop() as stop:
        callbacks.started(run)
        for message in health.doubts(run.model):
            callbacks.warned(message)
        stopped = _out_of_patience(run)
        try:
            going_on = run.epochs_done < settings.epochs and not stopped
            begun = perf_counter()
            features = Features.of(run, callbacks.preparing) if going_on else None
            prepared = perf_counter() - begun
            while run.epochs_done < settings.epochs and not stopped:
                record = _epoch(run, features, callbacks, stop)
                record = replace(record, seconds=record.seconds + prepared)
                prepared = 0.0  # it belongs to the first epoch of this session
                stop.hold()
                run.end_epoch(record, sparing=features is not None)
                callbacks.epoch(record, highest_epoch(run.history) == run.epochs_done)
                for message in record.warnings:
                    callbacks.warned(message)
                stopped = _out_of_patience(run)
                stop.release()
        except KeyboardInterrupt:
            stop.hold()
            run.save()
            raise
        run.save()
        model = load(run.folder / files.BEST)
        evaluation = evaluate_model(
            model, run.source, run.split.test, run.preprocessing, run.source.classes
        )
        check_answers(evaluation, run.folder / files.BEST)
        learnt = {} if features is None else features.learnt(model)
        abstainer = fit_abstainer(model, run.source, run.split, run.preprocessing)
        if abstainer is not None:
            write(run.folder / files.BEST, model.to_bytes(abstainer.arrays()))
    result = Result(
        run.folder,
        run.best_epoch,
        evaluation,
        model.store.fingerprint(),
        stopped and run.epochs_done < settings.epochs,
        sum(record.seconds for record in run.history),
        learnt,
    )
    write_json(run.folder / files.RESULT, result.to_dict())
    callbacks.finished(result)
    return result


def search_lr(run: Run, callbacks: Callbacks) -> LrCurve:
    """Set the learning rate of a run that has not started by a range test.

    Its batches are those of an epoch 0, which training never uses.
    """
    settings = run.settings
    with _machine(settings):
        curve = find_lr(
            run.model,
            run.optimiser,
            _batches(run, 0),
            criterion_of(settings, run.source, run.split.train),
            seed=settings.seed,
            progress=callbacks.searching,
        )
    run.settings = replace(settings, lr=curve.suggestion)
    run.optimiser.lr = curve.suggestion
    return curve


@contextmanager
def _machine(settings: Settings) -> Iterator[None]:
    """Compute in the telling and with the number of threads in the settings."""
    with ExitStack() as stack:
        if settings.backend is not None:
            stack.enter_context(backend(settings.backend))
        if settings.threads is not None and native_module() is not None:
            stack.callback(set_threads, set_threads(settings.threads))
        yield


def _batches(run: Run, epoch: int, first: int = 0) -> Batches:
    """Return an epoch's training batches, without the first ones."""
    settings = run.settings
    return Batches(
        run.source,
        run.split.train,
        run.preprocessing,
        settings.batch_size,
        augmentation=settings.augmentation,
        seed=settings.seed,
        epoch=epoch,
        shuffle=True,
        workers=settings.threads,
        first=first,
        smallest=run.smallest_batch,
    )


def _epoch(run: Run, features: Features | None, callbacks: Callbacks, stop: Stop) -> EpochRecord:
    """Run through the rest of the training part, then validate; return the record."""
    settings, epoch, so_far = run.settings, run.epochs_done + 1, run.so_far
    batches: Batches | FeatureBatches = _batches(run, epoch, so_far.step)
    model = run.model
    if features is not None:
        batches, model = features.batches(epoch, so_far.step), features.model
    steps = so_far.step + len(batches)
    total = steps * settings.epochs
    factor = schedule(settings.schedule, total, round(settings.warmup * total))
    criterion = criterion_of(settings, run.source, run.split.train)
    mark = perf_counter()
    for batch in batches:
        done = (epoch - 1) * steps + so_far.step
        stop.hold()
        with run.stepping():
            loss, right = _step(run, model, batch, criterion, settings.lr * factor(done), done)
            so_far.step += 1
            so_far.seen += len(batch.labels)
            so_far.loss += loss * len(batch.labels)
            so_far.right += right
            mark, before = perf_counter(), mark
            so_far.seconds += mark - before
        means = so_far.loss / so_far.seen, so_far.right / so_far.seen, so_far.seen / so_far.seconds
        callbacks.step(epoch, so_far.step, steps, *means)
        run.save_if_due()
        stop.release()
    model.tape = None  # the last batch needs no further backward pass: make room for validation
    if features is not None:
        validation = features.evaluate(run.split.validation)
    else:
        validation = evaluate_model(
            model, run.source, run.split.validation, run.preprocessing, run.source.classes
        )
    check_epoch(run, validation.loss, Moment(epoch, steps, settings.lr))
    alike = settings.class_weights
    record = EpochRecord(
        epoch=epoch,
        lr=settings.lr * factor(epoch * steps - 1),
        train_loss=so_far.loss / so_far.seen,
        train_accuracy=so_far.right / so_far.seen,
        validation_loss=validation.loss,
        validation_accuracy=validation.accuracy,
        validation_mean_recall=validation.mean_recall if alike else None,
        validation_standard_error=standard_error(validation, alike),
        seconds=so_far.seconds + perf_counter() - mark,
        images_per_second=so_far.seen / so_far.seconds,
        weights_sha256=run.model.store.fingerprint(),
    )
    return health.examined(run, record, features)


def _step(
    run: Run, model: Node, batch: Batch, criterion: CrossEntropy, lr: float, done: int
) -> tuple[float, int]:
    """Learn from one batch; return its loss, and the number of its correctly classified images."""
    epoch = run.epochs_done + 1
    context = Context(
        training=True,
        seed=run.settings.seed,
        epoch=epoch,
        step=done,
        samples=tuple(batch.samples.tolist()),
    )
    x = model.as_input(batch.x)
    logits = model.forward(x, context=context)
    if run.weights is None:
        loss, grad = criterion(logits, batch.labels)
    else:
        loss, grad = criterion.weighed(logits, batch.labels, run.weights[batch.samples])
    moment = Moment(epoch, run.so_far.step + 1, run.settings.lr)
    check_loss(model, x, context, loss, moment)
    model.backward(grad, input_gradient=False)
    check_gradients(model, moment)
    run.optimiser.step(lr)
    return loss, int(np.sum(logits.argmax(axis=1) == batch.labels))


def _out_of_patience(run: Run) -> bool:
    patience = run.settings.patience
    return bool(
        patience is not None
        and run.history
        and run.epochs_done - highest_epoch(run.history) >= patience
    )
