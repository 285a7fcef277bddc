import { describe, expect, it } from 'vitest';
import { JunitSyntaxError, parseJunit } from '../../../../src/project/test-reports/parse-junit.ts';
import { type TestCase, TestTally } from '../../../../src/project/test-reports/test-results.ts';

async function parse(text: string): Promise<TestCase[]> {
  const tests: TestCase[] = [];
  await parseJunit(text, (test) => tests.push(test));
  return tests;
}

const REPORT = `<?xml version="1.0"?>
<testsuites>
  <testsuite name="math" tests="4">
    <properties><property name="x" value="y"/></properties>
    <testcase classname="math.Add" name="adds &lt;small&gt; numbers" time="1,234.5"/>
    <testcase classname="math.Add" name="carries" time="0.01">
      <failure message="1 != 2" type="AssertionError">stack<![CDATA[ <of> it]]></failure>
      <system-out>not this</system-out>
    </testcase>
    <testsuite name="">
      <testcase name="inner"><skipped/></testcase>
    </testsuite>
    <testcase name="crashes" time="odd"><skipped message="no"/><error>boom</error><failure message="later"/></testcase>
  </testsuite>
</testsuites>`;

describe('parseJunit()', () => {
  it('reads tests with their suites, times, outcomes and explanations', async () => {
    expect(await parse(REPORT)).toEqual([
      {
        ...{ suite: 'math', className: 'math.Add', name: 'adds <small> numbers' },
        ...{ durationMs: 1_234_500, outcome: 'passed', message: '', text: '' },
      },
      {
        ...{ suite: 'math', className: 'math.Add', name: 'carries', durationMs: 10 },
        ...{ outcome: 'failed', message: '1 != 2', text: 'stack <of> it' },
      },
      {
        ...{ suite: 'math', className: '', name: 'inner', durationMs: null },
        ...{ outcome: 'skipped', message: '', text: '' },
      },
      {
        ...{ suite: 'math', className: '', name: 'crashes', durationMs: null },
        ...{ outcome: 'error', message: '', text: 'boom' },
      },
    ]);
  });

  it('reads the same tests of a report that is longer than a part', async () => {
    const tests = '<testcase classname="é" name="&amp;"/>'.repeat(10_000);
    const found = await parse(`<testsuite name="s">${tests}</testsuite>`);
    expect(found).toHaveLength(10_000);
    expect(new Set(found.map(({ className, name }) => className + name))).toEqual(new Set(['é&']));
  });

  it('shortens what a guest wrote', async () => {
    const long = 'x'.repeat(100_000);
    const text = `<testsuite><testcase name="${long}"><failure message="${long}">${long}</failure></testcase></testsuite>`;
    const [test] = await parse(text);
    expect([test?.name.length, test?.message.length, test?.text.length]).toEqual([500, 1000, 8000]);
  });

  it.each([
    ['text that is no XML', 'ok 1 - adds'],
    ['an empty file', ''],
    ['a report that ends in its middle', REPORT.slice(0, 300)],
    ['another document', '<html><body/></html>'],
    ['a document type with entities', '<!DOCTYPE a [<!ENTITY b "c">]><testsuite name="&b;"/>'],
    ['an unknown entity', '<testsuite name="&b;"/>'],
    ['very deep elements', `<testsuite>${'<a>'.repeat(100)}`],
  ])('refuses %s', async (_what, text) => {
    await expect(parse(text)).rejects.toThrow(JunitSyntaxError);
  });

  it('knows no element or attribute by the names of an object', async () => {
    const text =
      '<testsuite><testcase constructor="a"><toString/><__proto__/></testcase></testsuite>';
    expect(await parse(text)).toMatchObject([{ name: '', outcome: 'passed' }]);
  });
});

it('TestTally counts every test, and keeps those that failed when there are very many', () => {
  const tally = new TestTally();
  const test = { suite: '', className: '', name: 'a', durationMs: 1, message: '', text: '' };
  for (let at = 0; at < 20_000; at += 1) tally.add({ ...test, outcome: 'passed' });
  tally.add({ ...test, outcome: 'failed', text: 'why' });
  const { counts, cases } = tally.results(1);
  expect(counts).toEqual({ passed: 20_000, failed: 1, error: 0, skipped: 0 });
  expect(cases).toHaveLength(10_001);
  expect(cases.at(-1)).toMatchObject({ outcome: 'failed', text: 'why' });
});
