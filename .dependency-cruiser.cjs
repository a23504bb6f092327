/**
 * The import rules of docs/design.md: dependencies point one way.
 * cli, api -> workflows (types), contracts; workers -> workflows, activities;
 * activities -> simplestreams, openstack, staging, mirrors, targets, config; those know nothing of Temporal.
 */
const libraries = '^(simplestreams|openstack|staging|mirrors|targets|config)/';
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'contracts-stand-alone',
      comment: 'contracts are shared by everybody, so they import nothing of ours',
      severity: 'error',
      from: { path: '^contracts/' },
      to: { pathNot: '^contracts/|^(node:)?crypto$' },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'workflows import contracts and the workflow package, and types of activities',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        pathNot: ['^(workflows|contracts)/', 'node_modules/@temporalio/(workflow|common)/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'libraries-know-nothing-of-temporal',
      severity: 'error',
      from: { path: libraries },
      to: { path: 'node_modules/@temporalio/' },
    },
    {
      name: 'libraries-stay-below',
      severity: 'error',
      from: { path: libraries },
      to: { path: '^(workflows|activities|workers|cli|api)/' },
    },
    {
      name: 'simplestreams-is-pure',
      severity: 'error',
      from: { path: '^simplestreams/' },
      to: { path: '^(openstack|staging|mirrors|targets|config)/|^(node:)?(http|https|net|child_process)$' },
    },
    {
      name: 'cli-starts-runs-through-contracts',
      comment: 'the command line knows workflows by their contract only',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^(workflows|activities)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'activities-know-no-workflows',
      severity: 'error',
      from: { path: '^activities/' },
      to: { path: '^(workflows|workers|cli)/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'not-to-test', severity: 'error', from: { pathNot: '^(test|scripts)/' }, to: { path: '^test/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
