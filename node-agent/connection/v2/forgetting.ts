/** The answers to forget_attempt. */
import type { FrameData, HiveFrame } from '../../../protocol/frames.js';
import { codeOf, messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { forgetAttempt } from '../../store/forget.js';
import type { Store } from '../../store/open.js';
import { eraseDeleted } from '../../store/space.js';
import type { Outbox } from '../outbox.js';
import { singleFlight } from './single-flight.js';

type Request = FrameData<HiveFrame, 'forget_attempt'>;

export interface ForgettingOptions {
  store: Store;
  outbox: Outbox;
  logger: Logger;
  /** Called once an attempt is deleted: whatever was about to be sent of it is not wanted any more. */
  forgotten: (attemptId: string) => void;
}

export class Forgetting {
  readonly #options: ForgettingOptions;
  #requests: Request[] = [];
  readonly #pump: () => void;

  constructor(options: ForgettingOptions) {
    this.#options = options;
    this.#pump = singleFlight(() => this.#forgetAll(), options, 'deleting attempts failed');
  }

  add(request: Request): void {
    this.#requests.push(request);
    this.#pump();
  }

  /** Deletes what was asked for by now, and then erases it in one go. */
  async #forgetAll(): Promise<void> {
    const done: Request[] = [];
    for (const request of this.#requests.splice(0)) {
      await this.#orRefuse([request], async () => {
        await this.#forget(request.attempt_id);
        done.push(request);
      });
    }
    if (done.length === 0) return;
    await this.#orRefuse(done, async () => {
      const isErased = await eraseDeleted(this.#options.store);
      if (!isErased)
        this.#options.logger.info({}, 'traces of deleted attempts stay in the store until their place is used');
      for (const { request_id } of done)
        this.#options.outbox.sendNow({ type: 'attempt_forgotten', data: { request_id } });
    });
  }

  async #forget(attemptId: string): Promise<void> {
    const { store, logger, forgotten } = this.#options;
    const { executions, setAside } = await forgetAttempt(store, attemptId);
    forgotten(attemptId);
    logger.info({ attempt_id: attemptId, executions }, 'deleted an attempt that an admin has deleted at the hive');
    if (setAside.length === 0) return;
    logger.warn(
      { attempt_id: attemptId, files: setAside },
      'damaged stores that were set aside may still have a copy of the deleted attempt: remove these files',
    );
  }

  /** If it can't be done now, the hive asks again. */
  async #orRefuse(requests: Request[], work: () => Promise<void>): Promise<void> {
    const { outbox, logger } = this.#options;
    try {
      await work();
    } catch (error) {
      logger.error({ code: codeOf(error) }, `deleted attempts could not be deleted here: ${messageOf(error)}`);
      const message = `the node cannot delete this attempt now (${codeOf(error)})`;
      for (const { request_id } of requests)
        outbox.sendNow({ type: 'request_failed', data: { request_id, code: 'internal', message } });
    }
  }
}
