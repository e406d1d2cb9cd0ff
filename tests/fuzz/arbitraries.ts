/** Arbitraries of fast-check for frames and texts of all kinds. */
import fc from 'fast-check';
import type { AttemptSync, ExecutionSync, HiveFrame, NodeFrame } from '../../protocol/frames.js';

/** Any text, including U+0000, lone surrogates and characters outside Unicode's basic plane. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
);

export const time = fc
  .date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());

const lineCount = fc.integer({ min: 0, max: 2_147_483_647 });
const revision = fc.integer({ min: 0, max: 1_000_000 });

export const attemptSync: fc.Arbitrary<AttemptSync> = fc.record({
  attempt_id: fc.uuid(),
  revision,
  execution_count: fc.nat(1000),
  title: fc.option(anyText),
  executor: anyText,
  branch: anyText,
  target_branch: anyText,
  worktree_deleted: fc.boolean(),
  summary: fc.option(
    fc.record(
      {
        executor: anyText,
        model: fc.option(anyText),
        cost_usd: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).filter((cost) => !Object.is(cost, -0)),
        turns: fc.nat(),
        last_message: anyText,
        ended_with_error: fc.boolean(),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  ),
  created_at: time,
  updated_at: time,
});

export const executionSync: fc.Arbitrary<ExecutionSync> = fc.record({
  execution_id: fc.uuid(),
  attempt_id: fc.uuid(),
  revision,
  run_reason: fc.constantFrom('setupscript' as const, 'codingagent' as const, 'devserver' as const),
  executor_action: fc.option(fc.jsonValue({ noUnicodeString: false }).map((value) => normalised(value))),
  status: fc.constantFrom('running' as const, 'completed' as const, 'failed' as const, 'killed' as const),
  exit_code: fc.option(fc.integer({ min: -1000, max: 1000 })),
  dropped: fc.boolean(),
  started_at: time,
  created_at: time,
  log_lines: lineCount,
  log_epoch: lineCount,
  masked: fc.option(lineCount),
});

/** Without what JSON can't express: no -0. */
function normalised(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function frame<const T extends string, D>(type: T, data: fc.Arbitrary<D>): fc.Arbitrary<{ type: T; data: D }> {
  return data.map((drawn) => ({ type, data: drawn }));
}

const status = fc.constantFrom('running' as const, 'completed' as const);

/** Any frame that a node may send. */
export const anyNodeFrame: fc.Arbitrary<NodeFrame> = fc.oneof(
  frame('attempt_sync', attemptSync),
  frame('execution_sync', executionSync),
  frame('announced', fc.record({ count: fc.nat() })),
  frame(
    'heartbeat',
    fc.record({
      status: fc.constantFrom('online' as const, 'busy' as const),
      active_tasks: fc.nat(),
      available_capacity: fc.nat(),
      timestamp: time,
    }),
  ),
  frame(
    'attempt_described',
    fc.record({
      request_id: fc.uuid(),
      attempt: attemptSync,
      executions: fc.array(executionSync, { maxLength: 3 }),
      more: fc.boolean(),
    }),
  ),
  frame('logs_end', fc.record({ request_id: fc.uuid(), log_lines: lineCount, log_epoch: lineCount, status })),
  frame(
    'request_failed',
    fc.record({
      request_id: fc.uuid(),
      code: fc.constantFrom('not_found' as const, 'busy' as const),
      message: anyText,
    }),
  ),
);

/** Any frame that a hive may send. */
export const anyHiveFrame: fc.Arbitrary<HiveFrame> = fc.oneof(
  frame('heartbeat_ack', fc.record({ server_time: time })),
  frame('log_ack', fc.record({ execution_id: fc.uuid(), log_epoch: lineCount, stored_through: lineCount })),
  frame(
    'log_refused',
    fc.record({
      execution_id: fc.uuid(),
      first_seq: fc.integer({ min: 1, max: 1000 }),
      stored_through: lineCount,
      code: fc.constantFrom('gap' as const, 'epoch' as const),
    }),
  ),
  frame('describe_attempt', fc.record({ request_id: fc.uuid(), attempt_id: fc.uuid() })),
  frame('grant', fc.record({ request_id: fc.uuid(), pages: fc.integer({ min: 1, max: 100 }) })),
  frame('close', fc.record({ reason: anyText })),
  frame('error', fc.record({ error: anyText })),
);
