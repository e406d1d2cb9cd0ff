import { codeOf, messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { SocketClosedError, type Outbox } from '../outbox.js';

/** @returns a function that runs `work`: never twice at once, and once more if it was called meanwhile */
export function singleFlight(
  work: () => Promise<void>,
  { logger, outbox }: { logger: Logger; outbox: Outbox },
  failure: string,
): () => void {
  let running = false;
  let again = false;
  const run = async () => {
    running = true;
    try {
      do {
        again = false;
        await work();
      } while (isSet());
    } catch (error) {
      if (!(error instanceof SocketClosedError) && !outbox.closed)
        logger.error({ code: codeOf(error) }, `${failure}: ${messageOf(error)}`);
    } finally {
      running = false;
    }
  };
  // the compiler does not see that a call during `work` sets it
  const isSet = () => again;
  return () => {
    if (running) again = true;
    else void run();
  };
}
