import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Where two ways are possible, the one that this code takes, also in a browser. */
const ONE_WAY_EVERYWHERE = [
  {
    selector:
      ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"], TSParameterProperty)[accessibility="private"]',
    message: 'Use a #private member.',
  },
  {
    selector: 'ImportDeclaration[source.value="@jest/globals"] ImportSpecifier[imported.name="it"]',
    message: 'Use test.',
  },
];

const ONE_WAY = [
  ...ONE_WAY_EVERYWHERE,
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

/** What nodes recorded is data, whatever it holds: a page that makes HTML of it would run it. */
const NO_HTML_OF_TEXT = [
  'JSXAttribute[name.name="dangerouslySetInnerHTML"]',
  'Property[key.name="dangerouslySetInnerHTML"]',
  'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|srcdoc)$/]',
  'CallExpression[callee.object.name="document"][callee.property.name=/^write(ln)?$/]',
].map((selector) => ({ selector, message: 'Make elements. Text never becomes HTML.' }));

/** Types of Node reach the console through those of its bundler and of the tests; a browser has none of it. */
const NOT_IN_BROWSERS = ['process', 'Buffer', 'global', 'require', 'setImmediate', '__dirname', '__filename'];

export default tseslint.config(
  { ignores: ['dist', '.builds/', 'prisma/generated/', 'api/client/openapi.d.ts', 'coverage/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    // by project and not by the service that editors use: a run of everything is a quarter less work
    languageOptions: {
      parserOptions: { project: ['tsconfig.json', 'console/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
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
    files: ['console/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-syntax': ['error', ...ONE_WAY_EVERYWHERE, ...NO_HTML_OF_TEXT],
      'no-restricted-globals': ['error', ...NOT_IN_BROWSERS],
      'no-eval': 'error',
      // reading a signal draws a component again when it changes, also if it needs no value: `void count.value`
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // an empty field is no value
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
    },
  },
  {
    files: ['tests/console/in-page/*.js'],
    languageOptions: {
      sourceType: 'script',
      globals: {
        document: 'readonly',
        window: 'readonly',
        performance: 'readonly',
        PerformanceObserver: 'readonly',
        requestAnimationFrame: 'readonly',
      },
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    ignores: ['tests/console/in-page/*.js'],
    languageOptions: {
      globals: {
        console: 'readonly',
        performance: 'readonly',
        process: 'readonly',
        URL: 'readonly',
        WebAssembly: 'readonly',
      },
    },
  },
);
