package attempt
