-- Answer: OK, incarnation
return {'OK', incarnation()}
