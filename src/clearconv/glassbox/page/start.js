"use strict";
Bench.start(document.querySelector("#bench"));
Glass.start();
