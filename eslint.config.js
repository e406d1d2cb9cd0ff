import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Where two ways are possible, the one that this code takes. */
const ONE_WAY = [
  {
    selector:
      ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"], TSParameterProperty)[accessibility="private"]',
    message: 'Use a #private member.',
  },
  {
    selector: 'ImportDeclaration[source.value="@jest/globals"] ImportSpecifier[imported.name="it"]',
    message: 'Use test.',
  },
  {
    selector:
      'NewExpression[callee.name="Promise"] > ArrowFunctionExpression[params.0.name="resolve"] > CallExpression[callee.name="setTimeout"][arguments.0.name="resolve"]',
    message: 'Use sleep: `import { setTimeout as sleep } from "node:timers/promises"`.',
  },
];

/** The wall clock can jump. A deadline of gRPC is a time of day. */
const MONOTONIC = {
  selector:
    'CallExpression[callee.object.name="Date"][callee.property.name="now"]:not(CallExpression[callee.property.name="withDeadline"] *)',
  message: 'Measure time with performance.now(). For a time stamp, use new Date().',
};

export default tseslint.config(
  { ignores: ['dist', '.builds/', 'prisma/generated/', 'api/client/openapi.d.ts', 'coverage/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // process.env is an index signature: the compiler's strictness asks for brackets where this asks for dots
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...ONE_WAY],
    },
  },
  {
    files: ['{activities,api,backfills,gateway,node-agent,prisma,protocol,workers}/**/*.ts'],
    ignores: ['**/*.test.ts', 'node-agent/testing/**'],
    rules: { 'no-restricted-syntax': ['error', ...ONE_WAY, MONOTONIC] },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: { console: 'readonly', process: 'readonly', URL: 'readonly', WebAssembly: 'readonly' },
    },
  },
);
