/**
 * The order of the test files. Jest knows how long a file takes only where it has run it before: in a fresh clone it
 * goes by size, and a short file whose tests take minutes could begin last, alone.
 */
import { relative } from 'node:path';
import Sequencer from '@jest/test-sequencer';

/** Files that take longest, the longest first. A file that is not here yet only begins later. */
const LONGEST = [
  'tests/chaos/fixed-seeds.test.ts',
  'tests/console/axe.test.ts',
  'gateway/v1/large-batches.test.ts',
  'tests/faults/stops.test.ts',
  'tests/protocol-v1.test.ts',
  'tests/protocol-v1-real-node.test.ts',
  'tests/backfill.test.ts',
  'tests/webhooks.test.ts',
  'tests/faults/outages.test.ts',
  'tests/faults/frozen-hive.test.ts',
  'node-agent/recorder/killed-recorder.test.ts',
  'tests/packages.test.ts',
  'tests/join.test.ts',
  'tests/endings.test.ts',
  'tests/three-hives.test.ts',
  'tests/pooler.test.ts',
  'tests/console/sign-in.test.ts',
  'tests/console/keyboard.test.ts',
  'tests/console/reconnect.test.ts',
  'tests/console/incomplete.test.ts',
  'workers/migrate.test.ts',
  'api/logs/download-log.test.ts',
  'api/hostile-values.test.ts',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const places = new Map(LONGEST.map((path, place) => [path, place]));
    const placeOf = ({ path, context }) => places.get(relative(context.config.rootDir, path)) ?? LONGEST.length;
    return super.sort(tests).sort((one, other) => placeOf(one) - placeOf(other));
  }
}
