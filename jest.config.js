const JSX = { react: { runtime: 'automatic', importSource: 'preact' } };

/** Tests run the TypeScript sources; the processes that they start run what `npm run build` made. */
export default {
  testEnvironment: 'node',
  forceExit: true, // what a failed test left open must not hold up the run that reports it
  testTimeout: 120_000, // longer than any wait within a test, which then says what it waited for; CI has two cores for everything
  // more would be faster, but on two cores the product would miss its own heartbeats and deadlines
  maxWorkers: 2,
  testSequencer: '<rootDir>/tests/harness/longest-first.mjs',
  roots: ['<rootDir>'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.builds/'],
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1', '\\.css$': '<rootDir>/tests/harness/no-style.mjs' },
  globalSetup: '<rootDir>/tests/harness/global-setup.ts',
  globalTeardown: '<rootDir>/tests/harness/global-teardown.ts',
  transform: {
    // swc makes what the loader asks for: ES modules of tests, CommonJS of the global setup
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }],
    // the console's, as its bundler makes them
    '^.+\\.tsx$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript', tsx: true }, transform: JSX } },
    ],
  },
};
