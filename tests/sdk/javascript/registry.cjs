// `check(name, body)` is one test of tests/sdk/test_javascript.py; `checks` are all of them, in order.
"use strict";

const checks = [];
const check = (name, body) => checks.push({ name, body });

module.exports = { check, checks };
