/**
 * The rooms and what each may import (docs/architecture.md). A room imports only rooms above it in this table, so that
 * no arrow between rooms runs back up.
 */
const ROOMS = {
  protocol: [],
  search: ['protocol/'],
  prisma: ['protocol/'],
  backfills: ['protocol/', 'prisma/'],
  gateway: ['protocol/', 'prisma/', 'backfills/'],
  activities: ['protocol/', 'search/', 'prisma/', 'backfills/', 'gateway/(interface|metrics)[.]ts'],
  workflows: ['backfills/definitions[.]ts', 'activities/'],
  'api/client': [],
  console: ['api/client/'],
  api: ['protocol/', 'search/', 'prisma/', 'backfills/'],
  workers: ['protocol/', 'search/', 'prisma/', 'backfills/', 'gateway/', 'activities/', 'api/'],
  'node-agent': ['protocol/'],
};

const PRODUCT = `^(${Object.keys(ROOMS).join('|')})/`;
const TESTS = '([.]test[.]tsx?$|^node-agent/testing/)';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Files import each other in a circle, types included. Move what both need to a file of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(ROOMS).map(([room, allowed]) => ({
      name: `room-${room}`,
      comment: `${room}/ may import ${allowed.join(', ') || 'no other room'} (docs/architecture.md).`,
      severity: 'error',
      from: { path: `^${room}/`, pathNot: room === 'api' ? `${TESTS}|^api/client/` : TESTS },
      to: { path: PRODUCT, pathNot: `^(${[`${room}/`, ...allowed].join('|')})` },
    })),
    {
      name: 'console-runs-in-a-browser',
      comment: 'A browser has no modules of Node.',
      severity: 'error',
      from: { path: '^console/', pathNot: `${TESTS}|^console/(vite[.]config[.]ts|build[.]mjs)$` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'workflows-take-types-of-activities',
      comment: 'Workflow code runs in a sandbox: it calls activities by their types.',
      severity: 'error',
      from: { path: '^workflows/', pathNot: TESTS },
      to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'product-without-tests',
      comment: 'The product must run without its tests and benchmarks.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: TESTS },
      to: { path: `^(tests|bench)/|${TESTS}` },
    },
    {
      name: 'tests-without-bench',
      comment: 'bench/ uses the harness of tests/; the harness must not use bench/.',
      severity: 'error',
      from: { path: '^tests/' },
      to: { path: '^bench/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|dist|[.]builds|prisma/generated)/' },
  },
};
