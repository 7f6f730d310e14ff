create table sums (a integer, b integer);
