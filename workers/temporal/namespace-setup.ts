/** What the workflows need in their namespace: search attributes and the reconcile schedule. */
import type { Logger } from 'pino';
import type { TemporalDoor } from '../../backfills/temporal-door.js';
import { ensureReconcileSchedule, findReconcileSchedule } from './schedule.js';
import { ensureSearchAttributes } from './search-attributes.js';

export interface NamespaceSetupOptions {
  door: TemporalDoor;
  namespace: string;
  reconcileIntervalSeconds: number;
  logger: Logger;
}

/** Every method has a deadline, and several hives may call it at once. */
export class NamespaceSetup {
  readonly #options: NamespaceSetupOptions;
  /** Whether the schedule has been given this process's configuration. */
  #isConfigured = false;

  constructor(options: NamespaceSetupOptions) {
    this.#options = options;
  }

  /** @throws SearchAttributesMissingError, TemporalUnavailableError */
  async ensureSearchAttributes(): Promise<void> {
    const { door, namespace, logger } = this.#options;
    const added = await door.call('management', (client) => ensureSearchAttributes(client, namespace));
    if (added.length > 0) logger.info({ namespace, added }, 'added search attributes to the namespace');
  }

  /**
   * Sets up what is missing, because the server lost its data, the namespace was made anew, or a person deleted the
   * schedule. A schedule that is there gets the configuration the first time; later it stays as it is, since a person
   * may have paused it or changed its interval.
   * @returns why reconcile does not run although everything is set up; undefined if it runs
   * @throws SearchAttributesMissingError, TemporalUnavailableError
   */
  async restore(): Promise<string | undefined> {
    const { door, namespace, logger } = this.#options;
    await this.ensureSearchAttributes();
    const schedule = await door.call('management', findReconcileSchedule);
    if (!schedule || !this.#isConfigured) await this.#ensureSchedule();
    if (!schedule && this.#isConfigured)
      logger.warn({ namespace }, 'the reconcile schedule was gone; created it again');
    this.#isConfigured = true;
    return schedule?.whyPaused;
  }

  async #ensureSchedule(): Promise<void> {
    const { door, reconcileIntervalSeconds } = this.#options;
    await door.call('management', (client) => ensureReconcileSchedule(client, reconcileIntervalSeconds));
  }
}
