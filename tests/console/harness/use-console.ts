/** What a test file of the console has: a hive that serves it, two organisations, and one browser. */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { World, type HiveHandle } from '../../harness/world.js';
import { openBrowser } from './chromium.js';
import { makeOrganization, type ConsoleOrganization } from './organization.js';
import { Visits, type VisitOptions } from './visits.js';

/** Who looks: by default an admin of the own organisation. */
export interface Person extends Omit<VisitOptions, 'token'> {
  role?: 'admin' | 'viewer' | 'nobody';
  of?: ConsoleOrganization;
}

export class ConsoleStage {
  readonly #visits: Visits;

  constructor(
    readonly world: World,
    /** The one that people visit; a test that restarts it sets the new one. */
    public hive: HiveHandle,
    readonly browser: Browser,
    readonly own: ConsoleOrganization,
    readonly foreign: ConsoleOrganization,
  ) {
    this.#visits = new Visits(browser);
  }

  static async start(env: Record<string, string>): Promise<ConsoleStage> {
    const world = await World.create();
    // the schedule stays out of the way: what a test sees is what it did
    const hive = await world.startHive({ env: { HIVE_RECONCILE_INTERVAL_SECONDS: '86400', ...env } });
    const browser = await openBrowser();
    const own = await makeOrganization(world.database, 'default');
    const foreign = await makeOrganization(world.database, 'Umbrella');
    return new ConsoleStage(world, hive, browser, own, foreign);
  }

  /** Opens a page of the console; without a path, an empty one. */
  visit(path: string | undefined, person: Person = {}): Promise<Page> {
    const { role = 'admin', of = this.own, ...options } = person;
    return this.#visits.open(this.hive.url, path, { ...options, ...(role !== 'nobody' && { token: of[role] }) });
  }

  /** @throws Error if a page did what no page may do */
  endVisits(): Promise<void> {
    return this.#visits.end();
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.world.stop();
  }
}

/**
 * Starts them for the tests of the file. After each test its pages are closed, and the test fails if one of them broke
 * the content security policy, asked another host, or left an error in the browser's console.
 * @param env of the hive
 * @returns the stage, which the tests may use
 */
export function useConsole(env: Record<string, string> = {}): { readonly stage: ConsoleStage } {
  let stage: ConsoleStage | undefined;
  beforeAll(async () => {
    stage = await ConsoleStage.start(env);
  });
  afterEach(() => stage?.endVisits());
  afterAll(() => stage?.stop());
  return {
    get stage() {
      if (!stage) throw new Error('the stage is there when the tests run');
      return stage;
    },
  };
}
